import type { Action } from "./action.js";
import { CHANGE_KINDS, LEADER } from "./action.js";
import type { FaultKind, SimConfig } from "./config.js";
import { FAULT_KINDS } from "./config.js";
import { drawOrders, drawRestarts } from "./orders.js";
import { Rng } from "./prng.js";
import { drawScenes } from "./scenes.js";

/** Draws the schedule of a seed. */
export function drawSchedule(config: SimConfig): Action[] {
  const actions: Action[] = [];
  for (const kind of FAULT_KINDS) {
    const rng = new Rng(config.seed, `fault ${kind}`);
    for (let i = 0; i < config.faults[kind]; i++) actions.push(...drawFault(kind, rng, config));
  }
  const clients = new Rng(config.seed, "clients");
  for (let i = 0; i < config.writes; i++)
    actions.push({ at: clients.below(config.chaosUs), kind: "write", client: clients.below(4) });
  for (let i = 0; i < config.reads; i++)
    actions.push({ at: clients.below(config.chaosUs), kind: "read", client: clients.below(4) });
  actions.push(...drawChanges(config), ...drawScenes(config), ...drawOrders(config), ...drawRestarts(config));
  return actions.sort((a, b) => a.at - b.at);
}

function drawChanges({ seed, changes, chaosUs, nodes, detectMs }: SimConfig): Action[] {
  const rng = new Rng(seed, "changes");
  return Array.from({ length: changes }, () => ({
    at: rng.below(chaosUs),
    kind: "change" as const,
    node: rng.below(6) === 0 ? rng.below(nodes) : LEADER,
    what: rng.pick(CHANGE_KINDS),
    draw: rng.below(2 ** 30),
    waitMs: rng.below(2) === 0 ? 0 : rng.below(4 * detectMs),
  }));
}

function drawFault(kind: FaultKind, rng: Rng, config: SimConfig): Action[] {
  const { nodes, detectMs, chaosUs } = config;
  const detectUs = detectMs * 1000;
  const at = rng.below(chaosUs);
  const node = rng.below(5) < 2 ? LEADER : rng.below(nodes);
  const forUs = rng.between(1_000, detectUs * rng.pick([1, 3, 6]));
  const some = () => 1 + rng.below(2 ** nodes - 2);
  const all = 2 ** nodes - 1;
  switch (kind) {
    case "machine_dies":
    case "sidecar_dies":
    case "sidecar_leaves":
    case "postgres_dies":
    case "shutdown":
      return [{ at, kind, node, forUs }];
    case "dies_at_effect":
      return [{ at, kind, node, effects: rng.below(30), what: rng.pick(["machine", "sidecar"] as const), forUs }];
    case "all_die":
      return [{ at, kind, forUs, spreadUs: rng.below(detectUs) }];
    case "pause":
    case "pause_sidecar":
    case "pause_postgres":
    case "suspend":
    case "disk_hangs":
    case "disk_fails":
    case "replay_stalls":
      return [{ at, kind, node, forUs }];
    case "slow":
      return [{ at, kind, node, factor: rng.between(2, 30), forUs }];
    case "cut":
      return [{ at, kind: "cut", what: "all", from: maskOf(node), to: 1 << rng.below(nodes), forUs }];
    case "cut_wal":
      return [{ at, kind: "cut", what: "wal", from: maskOf(node), to: some(), forUs }];
    case "cut_sidecars":
      return [{ at, kind: "cut", what: "sidecars", from: maskOf(node), to: some(), forUs }];
    case "isolate":
      return [
        { at, kind: "cut", what: "all", from: maskOf(node), to: all, forUs },
        { at, kind: "cut", what: "all", from: all, to: maskOf(node), forUs: rng.below(3) === 0 ? 1 : forUs },
      ];
    case "split": {
      const side = some();
      return [
        { at, kind: "cut", what: "all", from: side, to: all ^ side, forUs },
        { at, kind: "cut", what: "all", from: all ^ side, to: side, forUs },
      ];
    }
    case "flap": {
      const to = some();
      return Array.from({ length: 4 }, (_, i) => ({
        at: at + i * forUs,
        kind: "cut" as const,
        what: "all" as const,
        from: maskOf(node),
        to,
        forUs: Math.floor(forUs / 2),
      }));
    }
    case "clog":
      return [{ at, kind, from: maskOf(node), to: some(), forUs }];
    case "data_lost":
    case "wiped":
    case "state_torn":
    case "restored":
      return [{ at, kind, node, forUs }];
    case "clock_jump":
      return [{ at, kind, node, byMs: rng.between(1, 4 * detectMs) }];
    case "slot_lost":
      return [{ at, kind, node }];
    case "cancel":
      return [{ at, kind }];
  }
}

/** A set of nodes as bits; LEADER stays what it is. */
function maskOf(node: number): number {
  return node === LEADER ? LEADER : 1 << node;
}
