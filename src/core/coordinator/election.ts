import type { Term } from "../log/position.js";
import type { Attempt, CatchUpRequest, PromoteRequest, RecruitAnswer, Refusal } from "../messages.js";
import type { Incarnation, NodeId } from "../ruleset/ruleset.js";
import type { FailedCatchUp, Proposal } from "./decide.js";

/** One coordinator's change of leadership, or the pause between two. */
export type Election =
  | { readonly stage: "idle"; readonly notBeforeMs: number; readonly fruitless: number }
  | Recruiting
  | CatchingUp
  | Promoting;

export interface Recruiting {
  readonly stage: "recruiting";
  readonly term: Term;
  readonly attempt: Attempt;
  readonly cause: string;
  readonly suspectedMs: number;
  readonly startedMs: number;
  readonly askAgainMs: number;
  readonly graceUntilMs: number;
  readonly askLateMs: number;
  /** Until then every answer is awaited: after a start a missing one may cost a clone. */
  readonly awaitAllUntilMs: number;
  readonly asked: readonly NodeId[];
  /** Those whom only a status names are asked as well: without them the answers did not suffice. */
  readonly widened: boolean;
  readonly answers: Readonly<Record<NodeId, RecruitAnswer>>;
  /** When each of them came. */
  readonly answeredMs: Readonly<Record<NodeId, number>>;
  readonly refusals: Readonly<Record<NodeId, Refusal>>;
  /** What was tried in this attempt to take the newest log to a node that may lead. */
  readonly failedCatchUps: readonly FailedCatchUp[];
  readonly fruitless: number;
}

export interface CatchingUp {
  readonly stage: "catching_up";
  readonly term: Term;
  readonly attempt: Attempt;
  readonly candidate: NodeId;
  readonly request: CatchUpRequest;
  readonly proposal: Proposal;
  /** What was answered, to choose again if this candidate fails. */
  readonly recruiting: Recruiting;
  readonly askAgainMs: number;
  readonly giveUpMs: number;
  readonly fruitless: number;
}

export interface Promoting {
  readonly stage: "promoting";
  readonly term: Term;
  readonly attempt: Attempt;
  readonly candidate: NodeId;
  readonly request: PromoteRequest;
  readonly follow: { readonly leaderIncarnation: Incarnation };
  readonly startedMs: number;
  readonly decidedMs: number;
  readonly suspectedMs: number;
  readonly askAgainMs: number;
  readonly giveUpMs: number;
  readonly accepted: boolean;
  readonly fruitless: number;
}
