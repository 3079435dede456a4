import type { Term } from "../log/position.js";
import { TERM_NONE } from "../log/position.js";
import type { Incarnation, NodeId } from "../ruleset/ruleset.js";
import type { Durable } from "../state.js";
import type { Timings } from "../timings.js";
import { holdMs } from "./bounds.js";

/** What a node knows of leases, all in ms of its own clock. A restart forgets it, and is answered for by `restartedUntilMs`. */
export interface LeaseBook {
  /** As a leader: when it last asked in this term. */
  readonly askedMs: number | null;
  /** As a leader: who has granted it a lease in this term, and until when it may count on it. */
  readonly held: Readonly<Record<NodeId, HeldLease>>;
  /** As a leader about to be established: what earlier leaders may still hold. */
  readonly awaited: readonly AwaitedLease[];
  /** As a leader that was adopted: until then the grants that the sidecar before held let it serve; 0 once it holds its own. */
  readonly servesUntilMs: number;
  /** As a leader whose sidecar is to be restarted: since when it asks for a lease of that length; else null. */
  readonly leavingSinceMs: number | null;
  /** That it waits was said. */
  readonly noted: boolean;
  /** As a follower: what it has granted, by leader. */
  readonly given: Readonly<Record<NodeId, GivenLease>>;
  /** Until then, a lease that it granted before its sidecar started may still run. */
  readonly restartedUntilMs: number;
}

export interface HeldLease {
  readonly incarnation: Incarnation;
  readonly untilMs: number;
}

export interface GivenLease {
  readonly term: Term;
  /** The leader's own stamp, which the answer echoes. */
  readonly stampMs: number;
  /** How much of it the leader may count on, by its clock. */
  readonly leaseMs: number;
  readonly untilMs: number;
}

export interface AwaitedLease {
  /** Null: whoever led before the granter's sidecar started. */
  readonly leader: NodeId | null;
  readonly term: Term;
  readonly untilMs: number;
}

/** A node that never promised anything cannot have granted anything either. */
export function freshBook(timings: Timings, { promise, leaseMs = 0 }: Durable, nowMs: number): LeaseBook {
  const promised = promise.term > TERM_NONE;
  const restartedUntilMs = promised ? nowMs + holdMs(Math.max(timings.leaseMs, leaseMs)) : nowMs;
  const leads = { askedMs: null, held: {}, awaited: [], servesUntilMs: 0, leavingSinceMs: null, noted: false };
  return { ...leads, given: {}, restartedUntilMs };
}
