/** What an operator may order beyond other rules: another leader, or that nobody elects one. */
import type { Term } from "./log/position.js";
import type { NodeId } from "./ruleset/ruleset.js";

/** Another leader: by the old one's help (switchover), or by an operator's word that it is of no use (failover). */
export interface HandoverRequest {
  /** Who is to lead; null: whoever is best placed, the leader of now excepted. */
  readonly to: NodeId | null;
  /** After so many ms the order is refused if nothing was done yet, and else anybody may lead who can. */
  readonly deadlineMs: number;
  /** Why, for the history. */
  readonly cause: string;
}

export type HandoverRefusalCode =
  | "not_leader"
  | "handover_under_way"
  | "change_under_way"
  | "not_decided"
  | "target_unknown"
  | "target_not_eligible"
  | "target_leads"
  | "target_not_streaming"
  | "target_lags"
  | "target_without_vote"
  | "nobody_to_lead"
  | "not_possible"
  | "not_member"
  | "no_vote"
  | "no_cluster"
  | "stopping";

export interface HandoverRefusal {
  readonly code: HandoverRefusalCode;
  readonly reason: string;
  readonly missing: readonly NodeId[];
  readonly nextStep: string;
}

export type HandoverResult =
  | { readonly kind: "done"; readonly leader: NodeId; readonly term: Term }
  /** Nothing was done. */
  | { readonly kind: "refused"; readonly refusal: HandoverRefusal }
  /** It was tried, and this node leads now instead. */
  | { readonly kind: "failed"; readonly leader: NodeId; readonly term: Term; readonly reason: string }
  /** It was tried, and nobody is known to lead yet. */
  | { readonly kind: "unknown"; readonly reason: string; readonly nextStep: string };

/**
 * An order that is being carried out, by the node that took it:
 * waiting (until it is safe to begin; nothing is done yet) → draining (the leader's door is shut, and the target takes the
 * rest of the log) → electing (until somebody is established in a higher term). A failover begins with the last.
 */
export interface Mandate {
  readonly kind: "switchover" | "failover";
  readonly stage: "waiting" | "draining" | "electing";
  readonly call: string;
  /** Who is to lead; null until one is chosen, or if anybody but `from` will do. */
  readonly to: NodeId | null;
  /** The leader to be replaced, and its term; null and 0 if none is known. */
  readonly from: NodeId | null;
  readonly term: Term;
  readonly cause: string;
  readonly sinceMs: number;
  readonly untilMs: number;
  /** Looks at the leader's Postgres since its door is shut. */
  readonly looks: number;
}

/** What the newest order said of elections, the same on all nodes that heard it, and kept by each in its state file. */
export interface Pause {
  readonly paused: boolean;
  /** Counts the changes, so that of two orders the higher number is the newer one, and two of the same number say the same. */
  readonly number: number;
  /** Who took the order. */
  readonly by: NodeId;
}

export const NEVER_PAUSED: Pause = Object.freeze({ paused: false, number: 0, by: "" });

export interface PauseResult {
  readonly pause: Pause;
}
