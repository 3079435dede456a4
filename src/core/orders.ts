/** What an operator may order beyond other rules: another leader, that nobody elects one, or a Postgres started again. */
import type { OpId } from "./effects.js";
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

interface Refused<Code extends string> {
  readonly code: Code;
  readonly reason: string;
  readonly missing: readonly NodeId[];
  readonly nextStep: string;
}

export type HandoverRefusal = Refused<HandoverRefusalCode>;

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
  /** Whom to answer; null: nobody ordered it, the leader itself has to leave. */
  readonly call: string | null;
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

/** The Postgres of the node that is asked is to be stopped, and started again with its present settings. */
export interface RestartRequest {
  /** Although commits wait meanwhile, or others had better be restarted first. */
  readonly force: boolean;
  /** Only if a setting waits for it. */
  readonly pendingOnly: boolean;
  /** After so many ms the order is refused if nothing was done yet, and else what became of it is not waited for. */
  readonly deadlineMs: number;
  readonly cause: string;
}

export type RestartRefusalCode =
  | HandoverRefusalCode
  | "restart_under_way"
  | "no_postgres"
  | "not_running"
  | "no_leader"
  | "commits_would_wait"
  | "followers_first"
  | "leads_now"
  | "not_looked"
  | "too_slow";

export type RestartRefusal = Refused<RestartRefusalCode>;

export type RestartResult =
  /** It was started again, and streams, or leads. `handedOver`: it led when it was asked. */
  | { readonly kind: "done"; readonly leader: NodeId; readonly term: Term; readonly handedOver: boolean }
  /** No setting waits for a restart, and only then was one wanted: nothing was done. */
  | { readonly kind: "not_needed" }
  | { readonly kind: "refused"; readonly refusal: RestartRefusal }
  /** It was stopped, and does not stream yet. */
  | { readonly kind: "unknown"; readonly reason: string; readonly nextStep: string };

/**
 * A restart that is being carried out: flushing (a checkpoint, so that it is stopped quickly; nothing is done yet) → due (it
 * is stopped as soon as nothing else is being done to it) → returning (it is started, and dials its leader). A leader hands
 * over in the place of the first two: what led is never gone on with, so its Postgres is started again by that.
 */
export interface RestartOrder {
  readonly stage: "handing_over" | "flushing" | "due" | "returning";
  readonly call: string;
  readonly force: boolean;
  /** The term that it led when it was asked; null if it did not. */
  readonly led: Term | null;
  readonly flush: OpId | null;
  /** The process that is to end; null if none was seen. */
  readonly postmasterPid: number | null;
  readonly untilMs: number;
}
