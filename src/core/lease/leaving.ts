/**
 * A sidecar that is restarted on purpose leaves its Postgres running. A leader's may serve without it only as long as its
 * lease lets it, so it takes a longer one first (DESIGN 7): of the whole time that it may be away, from a set that blocks
 * every election. Without those grants it ends as any other leader does, so that the others elect at once.
 */
import { isHandingOver } from "../leader/hands_over.js";
import { stepDown } from "../leader/office.js";
import { followersOf } from "../quorum/minimal_quorums.js";
import type { NodeId } from "../ruleset/ruleset.js";
import type { Leading, State } from "../state.js";
import type { Turn } from "../turn.js";
import { LEAVE_WITHIN_MS } from "./bounds.js";
import { askedLeaseMs, mustFenceAtMs, rulesOf } from "./holding.js";

/** `waits`: for grants; `leaves`: the sidecar may end now, and Postgres go on; `fences`: Postgres is not to go on. */
export type Departure = "waits" | "leaves" | "fences";

/** Of a sidecar that was told to leave. */
export function departureOf(state: State): Departure {
  const { awayMs, leading, lease } = state.volatile;
  if (awayMs === 0) return "fences";
  if (leading === null || lease.leavingSinceMs === null) return "leaves";
  return holdsLongLease(state, leading) ? "leaves" : "waits";
}

export function onLeave(turn: Turn, backWithinMs: number): void {
  turn.set({ stopping: true });
  const doubt = whyNotLeft(turn);
  if (doubt !== null) return endWithPostgres(turn, doubt, []);
  turn.set({ awayMs: backWithinMs });
  turn.note("info", "leaving", "its sidecar ends and will be started again; Postgres goes on", {});
  const { leading, lease } = turn.volatile;
  if (leading?.stage !== "established" || turn.config.timings.leaseMs === 0) return;
  // It asks at once.
  turn.set({ lease: { ...lease, askedMs: null, leavingSinceMs: Math.floor(turn.nowMs) } });
}

/** What the next sidecar would not go on with is ended now: else the others would wait for it in vain. */
function whyNotLeft(turn: Turn): string | null {
  const { leading, following, postgres } = turn.volatile;
  if (isHandingOver(turn)) return "it is handing over";
  if (leading === null) return following !== null && postgres.streaming ? null : "it neither leads nor streams";
  if (leading.stage !== "established" || leading.mark !== "durable") return "its rules are not decided yet";
  return leading.change !== null ? "its rules are being changed" : null;
}

/** Whether what was asked for since it began to leave is granted in full: a grant of before it is not so long. */
function holdsLongLease(state: State, leading: Leading): boolean {
  const { leavingSinceMs } = state.volatile.lease;
  const untilMs = mustFenceAtMs(state, rulesOf(leading)) + state.config.timings.leaseFenceMs;
  return leavingSinceMs !== null && untilMs >= leavingSinceMs + askedLeaseMs(state);
}

/** A leader that is not granted what it needs to be away, or leads no more, does not leave its Postgres to itself. */
export function watchLeaving(turn: Turn): void {
  const { awayMs, leading, lease } = turn.volatile;
  const { leavingSinceMs } = lease;
  if (awayMs === 0 || leavingSinceMs === null) return;
  const isLate = turn.nowMs >= leavingSinceMs + LEAVE_WITHIN_MS;
  if (leading !== null && (!isLate || holdsLongLease(turn.state(), leading))) return;
  const askedMs = askedLeaseMs(turn);
  const short = (id: NodeId) => (lease.held[id]?.untilMs ?? 0) < leavingSinceMs + askedMs;
  const silent = leading === null ? [] : followersOf(rulesOf(leading), turn.self).filter(short);
  const why =
    leading === null ? "it leads no more" : `${silent.join(" and ")} did not grant it a lease of ${askedMs} ms`;
  endWithPostgres(turn, why, silent);
}

function endWithPostgres(turn: Turn, why: string, silent: readonly NodeId[]): void {
  turn.set({ awayMs: 0, following: null, pending: null });
  turn.note("warn", "not_left", `fences its Postgres, which cannot be left to itself: ${why}`, { silent, reason: why });
  stepDown(turn, `its sidecar ends, and its Postgres cannot be left to itself: ${why}`);
}
