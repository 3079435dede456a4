import type { Lsn } from "../log/lsn.js";
import type { Ruleset, RulesetNumber } from "../ruleset/ruleset.js";
import type { Seat, Seats } from "../ruleset/seats.js";
import type { ChangeRefusal, ChangeRequest } from "../ruleset/wanted.js";

/**
 * A ruleset change under way:
 * waiting (until the new quorum is connected and caught up) → joining (the names of the joint rule are asked for) →
 * writing → proposed (the record is in the leader's WAL) → marking → marked (so is the decided mark) →
 * enforcing (the old rules are let go) → gone. Until the mark is asked for, and no longer: → voiding → voided (the void is
 * in the leader's WAL) → gone. (Void after the mark: a follower that has the mark and not the void elects under the new
 * rules alone, while the old ones acknowledge.)
 */
export type Change = Waiting | Joint | Voided;

interface Asked {
  /** Names the operator's call; null for a change that the leader makes by itself. */
  readonly call: string | null;
  readonly request: ChangeRequest;
  readonly sinceMs: number;
}

export interface Waiting extends Asked {
  readonly stage: "waiting";
  /** Refused then. */
  readonly untilMs: number;
  /** Why it waits, as last noted. */
  readonly noted: string;
}

export interface Joint extends Asked {
  readonly stage: "joining" | "writing" | "proposed" | "marking" | "marked" | "enforcing" | "voiding";
  /** The decided ruleset it returns to if it comes to nothing. */
  readonly before: Ruleset;
  readonly target: Ruleset;
  readonly number: RulesetNumber;
  /** The end of the proposal and of the mark in the leader's WAL, once they are there. */
  readonly proposedLsn: Lsn | null;
  readonly markedLsn: Lsn | null;
  /** Taken back then, unless it is marked. */
  readonly untilMs: number;
  /** Taken back before that time: it is not marked any more, whoever comes. */
  readonly givenUp: boolean;
}

/**
 * The old rules alone are in force again. The operator is told only once the void is durable under them: every sufficient
 * recruitment then has it, and until then a successor that has the proposal and not the void finishes the change.
 */
export interface Voided extends Asked {
  readonly stage: "voided";
  readonly number: RulesetNumber;
  /** The end of the void in the leader's WAL. */
  readonly voidLsn: Lsn;
  /** Why it was taken back. */
  readonly refusal: ChangeRefusal;
}

/** Whether something of it is written, or about to be, and not known to be durable. */
export function awaitsQuorum(change: Change | null): boolean {
  return change !== null && change.stage !== "waiting" && change.stage !== "enforcing";
}

/** Not yet marked, nor asked to be: from then on there is no way back. */
export function mayBeGivenUp(change: Change | null): change is Joint {
  if (change === null || change.stage === "waiting" || change.stage === "voided" || change.givenUp) return false;
  return change.stage === "joining" || change.stage === "writing" || change.stage === "proposed";
}

/** What is not marked and never will be binds nobody but those who find it: the rules before it bind everybody (DESIGN 5.3). */
export function isGivenUp(change: Change | null): change is Joint {
  if (change === null || change.stage === "waiting" || change.stage === "voided") return false;
  return change.givenUp || change.stage === "voiding";
}

/** What a leader keeps of the rules, beyond those in force. */
export interface RulesInOffice {
  /** The last subterm that a ruleset of this term was numbered with, void ones included. */
  readonly subterm: number;
  /** The change of the rules under way. */
  readonly change: Change | null;
  /** Which incarnation may stream under each name: only that one's copy counts. */
  readonly seats: Seats;
  /** Who has a slot, and whom the operation under way is to give one. */
  readonly served: readonly Seat[];
  readonly serving: readonly Seat[];
  /**
   * Of a term that was adopted: until then nobody loses a slot, since not all were heard again; then whoever the sidecar before
   * served and this one does not loses it. Null once that is done, and in every other term.
   */
  readonly sweepAtMs: number | null;
  /** A wiped node is not put back in its place before. */
  readonly replaceAtMs: number;
  /** The proposal that the recruitment found undecided and proved void is marked so. */
  readonly voidWritten: boolean;
}
