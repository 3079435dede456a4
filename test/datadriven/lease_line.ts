import { mustFenceWithinMs } from "../../src/core/lease/lease.js";
import type { Machine } from "./machine.js";

/** Leases of one node, in ms from now by its own clock. */
export function leaseLine({ id, loop }: Machine): string {
  if (loop === null) return `${id} is down`;
  const { lease, nowMs, leading } = loop.state.volatile;
  const left = (untilMs: number) => Math.round(untilMs - nowMs);
  const list = (entries: readonly (readonly [string, number])[]) =>
    entries.map(([n, at]) => `${n} ${left(at)}`).join(", ");
  const given = Object.entries(lease.given).filter(([, { untilMs }]) => untilMs > nowMs);
  const awaited = lease.awaited.filter(({ untilMs }) => untilMs > nowMs);
  const parts = [
    leading === null ? "" : `holds ${list(Object.entries(lease.held).map(([n, l]) => [n, l.untilMs])) || "nothing"}`,
    leading?.stage === "established" ? `must fence in ${Math.round(mustFenceWithinMs(loop.state, nowMs))}` : "",
    awaited.length === 0 ? "" : `awaits ${list(awaited.map((w) => [w.leader ?? "somebody", w.untilMs]))}`,
    given.length === 0 ? "" : `has granted ${list(given.map(([n, l]) => [`${n}@${l.term}`, l.untilMs]))}`,
    lease.restartedUntilMs > nowMs ? `may have granted ${left(lease.restartedUntilMs)}` : "",
  ];
  return `${id} ${parts.filter((p) => p !== "").join("; ") || "has no lease"}`;
}
