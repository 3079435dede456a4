/** Settings that wait for a restart, as `status` has them of a node; sidecars of an earlier version say nothing. */
import type { StatusJson } from "./schemas.js";

type NodeJson = StatusJson["nodes"][number];
export type PendingJson = NonNullable<NodeJson["pending_restart"]>[number];

export function pendingOf(node: NodeJson | undefined): readonly PendingJson[] {
  return node?.pending_restart ?? [];
}

export function pendingText(pending: readonly PendingJson[]): string {
  return pending.map(({ name, from, to }) => `${name} ${from} -> ${to}`).join(", ");
}

/** One line a node, and one a setting that no restart brings. */
export function settingLines(status: StatusJson): string[] {
  return status.nodes.flatMap((node) => {
    const pending = pendingOf(node);
    const waits = pending.length === 0 ? [] : [`${node.id} pending restart: ${pendingText(pending)}`];
    const held = (node.held_settings ?? []).map(
      ({ name, wanted, runs, why }) => `${node.id} runs with ${name} ${runs}, not ${wanted}: ${why}`,
    );
    return [...waits, ...held];
  });
}

/** Followers first: whoever leads next brings its own numbers into the log. */
export function restartNext(status: StatusJson): string | null {
  const waiting = status.nodes.filter((node) => pendingOf(node).length > 0).map(({ id }) => id);
  const first = waiting.find((id) => id !== status.leader) ?? waiting[0];
  return first === undefined ? null : `quorate restart ${first} --pending`;
}
