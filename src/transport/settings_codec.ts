/** Settings that wait for a restart, proto ↔ core. */
import type { NodeStatus } from "../core/messages.js";
import { EDGE_LIMITS } from "./edge_limits.js";
import { cut, list, text } from "./fields.js";
import type * as wire from "./gen/quorate/v1/cluster.js";

type WireSettings = Pick<wire.NodeStatus, "pendingSettings" | "heldSettings">;

export function settingsToWire({ settings }: NodeStatus): WireSettings {
  const { pending = [], held = [] } = settings ?? {};
  return {
    pendingSettings: pending
      .slice(0, EDGE_LIMITS.settings)
      .map(({ name, from, to }) => ({ name: cut(name), from: cut(from), to: cut(to) })),
    heldSettings: held
      .slice(0, EDGE_LIMITS.settings)
      .map(({ name, wanted, runs, why }) => ({ name: cut(name), wanted: cut(wanted), runs: cut(runs), why: cut(why) })),
  };
}

export function settingsToCore({ pendingSettings, heldSettings }: WireSettings): Pick<NodeStatus, "settings"> {
  const pending = list(pendingSettings, "pending_settings", EDGE_LIMITS.settings, ({ name, from, to }, field) => ({
    name: text(name, `${field}.name`, EDGE_LIMITS.nameChars),
    from: text(from, `${field}.from`),
    to: text(to, `${field}.to`),
  }));
  const held = list(heldSettings, "held_settings", EDGE_LIMITS.settings, ({ name, wanted, runs, why }, field) => ({
    name: text(name, `${field}.name`, EDGE_LIMITS.nameChars),
    wanted: text(wanted, `${field}.wanted`),
    runs: text(runs, `${field}.runs`),
    why: text(why, `${field}.why`),
  }));
  return pending.length + held.length === 0 ? {} : { settings: { pending, held } };
}
