/**
 * The leader's half of a lease. It serves while it holds grants of a set S such that S and itself block every sufficient
 * election, under every ruleset in force: then nobody else can have been elected. It is not established before the leases
 * of earlier leaders are over.
 */
import { isDoubted } from "../detector/peers.js";
import { isGivenUp } from "../leader/change_state.js";
import { TERM_NONE } from "../log/position.js";
import type { LeaseAsk, LeaseLeft, NodeStatus } from "../messages.js";
import { blocks } from "../quorum/blocking.js";
import { followersOf } from "../quorum/minimal_quorums.js";
import type { Incarnation, NodeId, Ruleset } from "../ruleset/ruleset.js";
import { memberOf } from "../ruleset/ruleset.js";
import { sameItems } from "../same_items.js";
import type { Leading, State } from "../state.js";
import type { Turn } from "../turn.js";
import type { AwaitedLease, HeldLease, LeaseBook } from "./book.js";

export interface Holder {
  readonly id: NodeId;
  readonly incarnation: Incarnation;
}

/** A term begins with nothing granted, and with what may still be granted to others. */
export function beginLease(turn: Turn, leases: readonly LeaseLeft[]): void {
  const awaited = leases.map(({ leader, term, ms }) => ({ leader, term, untilMs: turn.nowMs + ms }));
  turn.set({ lease: { ...turn.volatile.lease, askedMs: null, held: {}, awaited, servesUntilMs: 0, noted: false } });
}

/** A grant counts from the stamp that it echoes: from when this leader asked, not from when the answer came. */
export function holdGrant(turn: Turn, from: NodeId, status: NodeStatus): void {
  const { leading, lease } = turn.volatile;
  const { leaseGrant: grant, incarnation } = status;
  if (leading === null || grant === null || grant.leader !== turn.self || grant.term !== leading.term) return;
  // An answer to what was never asked is nobody's.
  if (lease.askedMs === null || grant.stampMs > lease.askedMs) return;
  // Nor is an answer to the sidecar before, which was granted more: as a grant of this one it would end that, and be over soon.
  if (lease.servesUntilMs > 0 && grant.stampMs < (leading.establishedMs ?? 0)) return;
  const untilMs = grant.stampMs + Math.min(grant.leaseMs, askedLeaseMs(turn));
  const before = lease.held[from];
  if (before?.incarnation === incarnation && before.untilMs >= untilMs) return;
  turn.set({ lease: { ...lease, held: { ...lease.held, [from]: { incarnation, untilMs } } } });
}

/**
 * Until when these grants let a leader serve under each of the rulesets; infinite if it blocks every election alone, and
 * minus infinity if even all of them together do not. Rulesets name incarnations: a wiped node's grant is a stranger's.
 */
export function heldUntilMs(
  rulesets: readonly Ruleset[],
  leader: Holder,
  held: Readonly<Record<NodeId, HeldLease>>,
): number {
  return Math.min(...rulesets.map((ruleset) => heldUnderMs(ruleset, leader, held)));
}

function heldUnderMs(ruleset: Ruleset, leader: Holder, held: Readonly<Record<NodeId, HeldLease>>): number {
  const known = (id: NodeId, incarnation: Incarnation) => memberOf(ruleset, id)?.incarnation === incarnation;
  const refusing = new Set(known(leader.id, leader.incarnation) ? [leader.id] : []);
  if (blocks(ruleset, refusing)) return Number.POSITIVE_INFINITY;
  const lasting = Object.entries(held).sort(([, a], [, b]) => b.untilMs - a.untilMs);
  for (const [id, { incarnation, untilMs }] of lasting) {
    if (!known(id, incarnation)) continue;
    refusing.add(id);
    if (blocks(ruleset, refusing)) return untilMs;
  }
  return Number.NEGATIVE_INFINITY;
}

/** When a leader must begin to fence unless more is granted meanwhile; infinite where there are no leases. */
export function mustFenceAtMs(state: State, rulesets: readonly Ruleset[]): number {
  const { config, volatile, durable } = state;
  if (config.timings.leaseMs === 0) return Number.POSITIVE_INFINITY;
  const { held } = volatile.lease;
  const { incarnation } = durable;
  // A node that forgot its promises may have forgotten one that was counted elsewhere (DESIGN 8).
  const doubted = Object.keys(held).filter((id) => isDoubted(volatile.peers[id]));
  const last = lastHeld.get(held);
  if (
    last?.config === config &&
    last.incarnation === incarnation &&
    sameItems(last.rulesets, rulesets) &&
    sameItems(last.doubted, doubted)
  )
    return last.atMs;
  const trusted = Object.entries(held).filter(([id]) => !doubted.includes(id));
  const atMs =
    heldUntilMs(rulesets, { id: config.self, incarnation }, Object.fromEntries(trusted)) - config.timings.leaseFenceMs;
  lastHeld.set(held, { config, incarnation, rulesets, doubted, atMs });
  return atMs;
}

/** By the grants held, all else that `mustFenceAtMs` looks at, and what it found: it is asked four times a step. */
const lastHeld = new WeakMap<
  LeaseBook["held"],
  {
    readonly config: State["config"];
    readonly incarnation: Incarnation;
    readonly rulesets: readonly Ruleset[];
    readonly doubted: readonly NodeId[];
    readonly atMs: number;
  }
>();

/** Whether a leader under these rulesets could serve now: to be asked before any further ruleset is put in force, too. */
export function holdsLease(turn: Turn, rulesets: readonly Ruleset[]): boolean {
  return turn.nowMs < mustFenceAtMs(turn.state(), rulesets);
}

/**
 * Every ruleset that a recruitment against this leader may have to satisfy: while rules change, the old ones and the new
 * ones (`change.ts` puts both among those that a commit must satisfy), and what it found undecided until that is decided.
 * Of a change that is given up, the old ones alone: whoever finds it has to satisfy these in any case, until it is marked.
 */
export function rulesOf(leading: Leading): readonly Ruleset[] {
  if (isGivenUp(leading.change)) return [leading.change.before];
  return [...leading.obliged, leading.ruleset];
}

/** What an earlier leader may still hold: over by time, or because that leader serves nobody any more and says so itself. */
export function stillAwaited({ config, volatile }: State): readonly AwaitedLease[] {
  const { lease, peers, nowMs } = volatile;
  return lease.awaited.filter(({ leader, term, untilMs }) => {
    if (nowMs >= untilMs || leader === config.self) return false;
    return leader === null || (peers[leader]?.status?.fencedUntil ?? TERM_NONE) < term;
  });
}

/** How long after its start a leader may still have to wait for leases of earlier ones, in ms; 0 for nothing. */
export function awaitedMs({ volatile: { lease, leading } }: Pick<State, "volatile">): number {
  if (leading === null) return 0;
  return Math.max(0, ...lease.awaited.map(({ untilMs }) => untilMs - leading.startedMs));
}

/** Whether a leader whose first record a quorum holds may be established now. */
export function mayBeEstablished(turn: Turn, leading: Leading): boolean {
  const awaited = stillAwaited(turn.state());
  if (awaited.length === 0 && holdsLease(turn, rulesOf(leading))) return true;
  noteWait(turn, leading, awaited);
  return false;
}

function noteWait(turn: Turn, leading: Leading, awaited: readonly AwaitedLease[]): void {
  const { lease, nowMs } = turn.volatile;
  if (lease.noted) return;
  turn.set({ lease: { ...lease, noted: true } });
  const waitMs = Math.round(Math.max(0, ...awaited.map((a) => a.untilMs - nowMs)));
  const leaders = awaited.map((a) => a.leader ?? "an unknown leader");
  const why =
    awaited.length > 0
      ? `the lease of ${leaders.join(" and ")} may still run for ${waitMs} ms`
      : `${silentGranters(turn, rulesOf(leading)).join(" and ")} must grant it a lease first`;
  turn.note("info", awaited.length > 0 ? "lease_awaited" : "lease_not_held", `is not established yet: ${why}`, {
    term: Number(leading.term),
    wait_ms: waitMs,
  });
}

/** The stamp of this leader's next status: a new one when it is due, so that an answer costs one status and not many. */
export function stampDue(state: State): boolean {
  const { volatile, config } = state;
  const { leaseMs, leaseRenewMs } = config.timings;
  const { askedMs } = volatile.lease;
  if (leaseMs === 0 || volatile.leading === null) return false;
  return askedMs === null || volatile.nowMs - askedMs >= leaseRenewMs;
}

export function askOf(state: State): LeaseAsk | null {
  const { volatile } = state;
  const { askedMs } = volatile.lease;
  if (volatile.leading === null || askedMs === null) return null;
  return { stampMs: askedMs, leaseMs: askedLeaseMs(state) };
}

/** How long a lease this leader asks for: the ordinary one, or what the restart of its sidecar may take. */
export function askedLeaseMs({ config, volatile }: Pick<State, "config" | "volatile">): number {
  const { leaseMs, awayMs } = config.timings;
  return volatile.lease.leavingSinceMs === null ? leaseMs : Math.max(leaseMs, Math.min(volatile.awayMs, awayMs));
}

/** Who could still renew a lease that runs out, for the operator. */
export function silentGranters(turn: Turn, rulesets: readonly Ruleset[]): NodeId[] {
  const { held } = turn.volatile.lease;
  const { leaseFenceMs } = turn.config.timings;
  return followersOf(rulesets, turn.self).filter(
    (id) => (held[id]?.untilMs ?? Number.NEGATIVE_INFINITY) - leaseFenceMs <= turn.nowMs,
  );
}
