/**
 * What is known of a leader if its sidecar ends: what the next one may go on with. The fuse, which outlives the sidecar, is told
 * after every step, before anything of that step is done; so whatever this sidecar began beyond it is not left behind.
 */
import { isHandingOver } from "../leader/hands_over.js";
import type { Term } from "../log/position.js";
import { TERM_NONE } from "../log/position.js";
import type { RulesetNumber } from "../ruleset/ruleset.js";
import type { State } from "../state.js";
import { fuseAllowanceMs, mustFenceWithinMs } from "./lease.js";

export interface LeftBehind {
  readonly term: Term;
  /** Until when its Postgres may serve, in ms of this node's clock, which every sidecar of one boot shares. */
  readonly untilMs: number;
  /**
   * The ruleset that was decided last: its mark was durable, and those before it were let go. A change that was under way shows
   * itself, by a record that is newer or by names that are not this ruleset's.
   */
  readonly settled: RulesetNumber;
}

/** Null of a node that does not lead, and of a term that is not to be gone on with. */
export function leftBehind(state: State, untilMs: number): LeftBehind | null {
  const { leading } = state.volatile;
  if (leading?.stage !== "established" || leading.mark !== "durable" || isHandingOver(state)) return null;
  return { term: leading.term, untilMs, settled: leading.number };
}

/** What the fuse is told. */
export interface FuseWord {
  /** Postgres is closed unless another word comes within so long, in ms; null: when it was to be. */
  readonly allowanceMs: number | null;
  /** For so long, in ms, a sidecar that is there may speak first after that: frozen together with the fuse, or fencing itself. */
  readonly graceMs: number;
  readonly left: LeftBehind | null;
}

/** A sidecar that is thawed takes a turn of its event loop, on a busy machine some of them, until it speaks. */
const GRACE_MS = 500;

export function fuseWord(state: State, nowMs: number): FuseWord {
  // A leader that left office is being fenced: until it is, no more time is given to it.
  if (mayServeStill(state)) return { allowanceMs: null, graceMs: 0, left: null };
  const allowanceMs = fuseAllowanceMs(state, nowMs);
  // The others count a lease to its end and elect: what is added to it is in the time that a fence is given.
  const leads = mustFenceWithinMs(state, nowMs) !== Number.POSITIVE_INFINITY;
  const graceMs = leads ? Math.floor(state.config.timings.leaseFenceMs / 2) : GRACE_MS;
  return { allowanceMs, graceMs, left: leftBehind(state, nowMs + allowanceMs) };
}

function mayServeStill({ volatile: { leading, postgres }, durable: { promotionStarted } }: State): boolean {
  if (leading !== null || postgres.primaryGone || postgres.process === "stopped") return false;
  return promotionStarted > TERM_NONE && postgres.position.timeline === promotionStarted;
}
