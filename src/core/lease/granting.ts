/** The follower's half of a lease: what it grants, and what it must say of it when it is recruited. */
import { TERM_NONE } from "../log/position.js";
import type { LeaseGrant, LeaseLeft, NodeStatus } from "../messages.js";
import type { NodeId } from "../ruleset/ruleset.js";
import type { State } from "../state.js";
import type { Timings } from "../timings.js";
import type { Turn } from "../turn.js";
import type { GivenLease } from "./book.js";
import { holdMs } from "./bounds.js";

/**
 * A leader's status asks for a lease. It is granted to the leader that this node follows under the very term it has
 * promised: none after a newer promise, which ends `following` in the same step.
 */
export function grantLease(turn: Turn, leader: NodeId, status: NodeStatus): void {
  const { following, lease } = turn.volatile;
  const ask = status.leaseAsk;
  const leaseMs = Math.min(ask?.leaseMs ?? 0, longestMs(turn.config.timings, status));
  if (ask === null || leaseMs === 0 || status.role !== "leader" || following === null) return;
  if (following.leader !== leader || following.term !== status.term) return;
  if (turn.durable.promise.term !== status.term) return;
  const before = lease.given[leader];
  // A stamp heard again was held for from when it was heard first, unless more is asked with it now.
  const again = before?.term === status.term && before.stampMs >= ask.stampMs;
  if (again && (before.stampMs > ask.stampMs || before.leaseMs >= leaseMs)) return;
  answerFor(turn, leaseMs);
  const untilMs = Math.max(before?.untilMs ?? 0, turn.nowMs + holdMs(leaseMs));
  const given: GivenLease = { term: status.term, stampMs: ask.stampMs, leaseMs, untilMs };
  turn.set({ lease: { ...lease, given: { ...stillRunning(lease.given, turn.nowMs), [leader]: given } } });
}

/** A leader whose sidecar is being restarted is granted as long a lease as that may take, by this node's measure. */
function longestMs({ leaseMs, awayMs }: Timings, { awayMs: asked }: NodeStatus): number {
  return leaseMs > 0 && asked > 0 ? awayMs : leaseMs;
}

/**
 * What a start of this node will have to answer for that has a shorter lease, or none, or granted a longer one before: on
 * disk before the grant is heard of. It shrinks again when all that was granted is over by the time the shorter one is.
 */
function answerFor(turn: Turn, grantedMs: number): void {
  const { lease } = turn.volatile;
  const ordinaryMs = turn.config.timings.leaseMs;
  const leaseMs = Math.max(ordinaryMs, grantedMs);
  const before = turn.durable.leaseMs ?? 0;
  const coveredUntilMs = turn.nowMs + holdMs(ordinaryMs);
  const mayRunStill =
    turn.nowMs < lease.restartedUntilMs || Object.values(lease.given).some(({ untilMs }) => untilMs > coveredUntilMs);
  if (leaseMs > before || (leaseMs < before && !mayRunStill)) turn.promise({ leaseMs });
}

/** What this node tells its leader: the newest stamp it has granted, as long as it may. */
export function grantOf(state: State): LeaseGrant | null {
  const { following, lease } = state.volatile;
  if (following === null || following.term !== state.durable.promise.term) return null;
  const given = lease.given[following.leader];
  if (given === undefined || given.term !== following.term) return null;
  return { leader: following.leader, term: given.term, stampMs: given.stampMs, leaseMs: given.leaseMs };
}

/** What a recruited node has granted and cannot take back; after a restart, to a leader that it no longer knows. */
export function leasesLeft(state: State): LeaseLeft[] {
  const { lease, nowMs } = state.volatile;
  const left: LeaseLeft[] = Object.entries(stillRunning(lease.given, nowMs)).map(([leader, given]) => ({
    leader,
    term: given.term,
    ms: given.untilMs - nowMs,
  }));
  if (lease.restartedUntilMs > nowMs) left.push({ leader: null, term: TERM_NONE, ms: lease.restartedUntilMs - nowMs });
  return left;
}

function stillRunning(given: Readonly<Record<NodeId, GivenLease>>, nowMs: number): Record<NodeId, GivenLease> {
  return Object.fromEntries(Object.entries(given).filter(([, { untilMs }]) => untilMs > nowMs));
}
