/**
 * Leases: quorums stop the writes of a leader that was replaced, leases its reads (DESIGN 7).
 *
 * A leader's status carries a stamp of its own clock; a follower's answer echoes it, and refuses everybody else for as long
 * as the leader counts on it and a little more. Both halves live in `granting` and `holding`; here they meet the events.
 */
import { mustGiveUpAtMs } from "../leader/change_given_up.js";
import { stepDown } from "../leader/office.js";
import type { NodeStatus } from "../messages.js";
import type { NodeId } from "../ruleset/ruleset.js";
import type { Leading, State } from "../state.js";
import { Turn } from "../turn.js";
import { LEAVE_WITHIN_MS } from "./bounds.js";
import { grantLease } from "./granting.js";
import { holdGrant, holdsLease, mustFenceAtMs, rulesOf, silentGranters, stillAwaited } from "./holding.js";

/** A status asks for a lease, or answers. */
export function exchangeLease(turn: Turn, peer: NodeId, status: NodeStatus): void {
  grantLease(turn, peer, status);
  holdGrant(turn, peer, status);
}

/** A leader without its lease fences: it cannot know any more that nobody else was elected. */
export function keepLease(turn: Turn): void {
  const { leading } = turn.volatile;
  if (leading === null || leading.stage !== "established") return;
  // What the sidecar before was granted was for the rules of then: it bridges the time until there are grants of this one,
  // and is no reason to serve under any rules that come later.
  if (turn.volatile.lease.servesUntilMs > 0 && holdsLease(turn, rulesOf(leading)))
    turn.set({ lease: { ...turn.volatile.lease, servesUntilMs: 0 } });
  if (turn.nowMs < servesUntilMs(turn.state(), leading)) return;
  const silent = silentGranters(turn, rulesOf(leading));
  turn.note("warn", "lease_lost", `without ${silent.join(" and ")} another leader may be elected`, {
    term: Number(leading.term),
    silent,
  });
  stepDown(turn, `its lease is over: ${silent.join(", ")} did not renew it`);
}

/** How long from `nowMs` until this node must fence if it takes no further event, in ms: the shell's deadline as well. */
export function mustFenceWithinMs(state: State, nowMs: number): number {
  const { leading } = state.volatile;
  if (leading === null || leading.stage !== "established") return Number.POSITIVE_INFINITY;
  return Math.max(0, servesUntilMs(state, leading) - nowMs);
}

/** For how long, from `nowMs` on, nothing need be heard of this sidecar before its Postgres is closed without it, in ms. */
export function fuseAllowanceMs(state: State, nowMs: number): number {
  const { fuseMs, leaseMs } = state.config.timings;
  // What the sidecar before was granted may be given up before the fuse hears of it: no more of it than an ordinary lease.
  const bridges = state.volatile.leading !== null && state.volatile.lease.servesUntilMs > 0;
  const bridgedMs = bridges ? leaseMs : fuseMs;
  return Math.min(fuseMs, bridgedMs, mustFenceWithinMs(state, nowMs));
}

/** By the grants that it holds, or by those that the sidecar before held: these were for the rules of then. */
function servesUntilMs(state: State, leading: Leading): number {
  return Math.max(mustFenceAtMs(state, rulesOf(leading)), state.volatile.lease.servesUntilMs);
}

/** A leader's lease as an operator sees it. */
export interface LeaseView {
  /** How long it may serve if nobody grants it anything more, in ms; null: for ever, no election can do without it. */
  readonly leftMs: number | null;
  /** Followers whose newest grant, if there is one, is over or as good as over. */
  readonly lacks: readonly NodeId[];
}

/** Null on a node that does not lead, and where there are no leases. */
export function leaseOf(state: State): LeaseView | null {
  const { leading, nowMs } = state.volatile;
  if (leading === null || state.config.timings.leaseMs === 0) return null;
  const rulesets = rulesOf(leading);
  const leftMs = servesUntilMs(state, leading) - nowMs;
  return {
    leftMs: leftMs === Number.POSITIVE_INFINITY ? null : Math.max(0, leftMs),
    lacks: silentGranters(new Turn(state), rulesets),
  };
}

/** When leases want a step, in ms of the same clock. */
export function leaseTicksMs(state: State): number[] {
  const { config, volatile } = state;
  const { leading, lease } = volatile;
  if (config.timings.leaseMs === 0 || leading === null) return [];
  const due = lease.askedMs === null ? [] : [lease.askedMs + config.timings.leaseRenewMs];
  if (lease.leavingSinceMs !== null) due.push(lease.leavingSinceMs + LEAVE_WITHIN_MS);
  if (leading.stage === "established") due.push(servesUntilMs(state, leading), mustGiveUpAtMs(state, leading));
  else due.push(...stillAwaited(state).map((w) => w.untilMs));
  return due.filter((at) => Number.isFinite(at) && at > volatile.nowMs);
}
