import type { Position, Term } from "./log/position.js";
import type {
  CatchUpRequest,
  CatchUpResult,
  FollowRequest,
  FollowResult,
  NodeStatus,
  PromoteRequest,
  PromoteResult,
  RecruitRequest,
  RecruitResult,
} from "./messages.js";
import type { HandoverResult, PauseResult, RestartResult } from "./orders.js";
import type { NodeId, RulesetRecord } from "./ruleset/ruleset.js";
import type { Seat } from "./ruleset/seats.js";
import type { ChangeResult } from "./ruleset/wanted.js";

/** Names one operation on the local Postgres; its report carries the number back. */
export type OpId = number;

/** What the shell is to do. Whatever stands in `after` runs only once `persist` is on disk. */
export type Effect =
  | { readonly kind: "send_recruit"; readonly to: NodeId; readonly request: RecruitRequest }
  | { readonly kind: "send_promote"; readonly to: NodeId; readonly request: PromoteRequest }
  | { readonly kind: "send_catch_up"; readonly to: NodeId; readonly request: CatchUpRequest }
  | { readonly kind: "send_follow"; readonly to: NodeId; readonly request: FollowRequest }
  | { readonly kind: "publish"; readonly status: NodeStatus }
  | { readonly kind: "postgres"; readonly op: OpId; readonly action: PostgresAction }
  | Reply
  | Note;

/** To whoever asked this node for something. */
export type Reply =
  | { readonly kind: "answer_catch_up"; readonly call: string; readonly result: CatchUpResult }
  | { readonly kind: "answer_recruit"; readonly call: string; readonly result: RecruitResult }
  | { readonly kind: "answer_promote"; readonly call: string; readonly result: PromoteResult }
  | { readonly kind: "answer_follow"; readonly call: string; readonly result: FollowResult }
  /** To the operator who asked for other rules. */
  | { readonly kind: "answer_change"; readonly call: string; readonly result: ChangeResult }
  /** To the operator who asked for another leader. */
  | { readonly kind: "answer_handover"; readonly call: string; readonly result: HandoverResult }
  | { readonly kind: "answer_restart"; readonly call: string; readonly result: RestartResult }
  | { readonly kind: "answer_pause"; readonly call: string; readonly result: PauseResult };

/** One note is one log line, one counter and one coverage mark of the simulator. */
export interface Note {
  readonly kind: "note";
  readonly level: "debug" | "info" | "warn" | "error";
  /** A stable name: `elected`, `promise_raised`. */
  readonly mark: string;
  readonly text: string;
  readonly data: Readonly<Record<string, string | number | boolean | null | readonly string[]>>;
}

/**
 * Operations on the local Postgres. All but `adopt`, `clone`, `cancel_catch_up`, `observe`, `nudge`, `checkpoint` and `discard_old` run one at a time,
 * in order; each answers by an event with its operation number.
 */
export type PostgresAction =
  /** Make it a standby that receives nothing (start it safely if it is stopped, fence it first if it is a primary); then report its final position. */
  | {
      readonly kind: "revoke";
      /** What a promotion under the term being recruited would need in force: set on the way, so that it need not wait for it. */
      readonly names: string | null;
    }
  /** Stream from this leader under this term. Only after `revoke`, and only if contained in the leader's history. */
  | { readonly kind: "follow"; readonly leader: NodeId; readonly term: Term }
  /** From a standstill: stream from this node, which stands still too, up to exactly this position; then stand still and report. Fails as soon as that one says that it has removed the WAL. */
  | { readonly kind: "catch_up"; readonly source: NodeId; readonly term: Term; readonly position: Position }
  /** Ends a `catch_up` under way: it stands still where it is, and reports that. */
  | { readonly kind: "cancel_catch_up" }
  /** Become leader of `term` with these names in force before the promotion. `founding` runs initdb first. */
  | {
      readonly kind: "promote";
      readonly term: Term;
      /** Where it stands since `revoke`; nothing may have moved. Empty when founding. */
      readonly position: Position;
      readonly names: string;
      /** Who gets a slot before anybody dials; those of all others end. */
      readonly followers: readonly Seat[];
      readonly founding: boolean;
    }
  /** Write a ruleset record; the founding one makes the roles and the schema in the same transaction. */
  | {
      readonly kind: "write_record";
      readonly term: Term;
      readonly record: RulesetRecord;
      /** Oldest first. If a proposal of these is not in the table, all are written before the record, in one transaction with it. */
      readonly standing: readonly RulesetRecord[];
      readonly founding: boolean;
      readonly cause: string;
    }
  | { readonly kind: "set_door"; readonly open: boolean }
  /**
   * Of a leader: nobody new gets in, and every session ends once no commit of its own waits for the quorum; followers
   * stream on. Reports a shut door, or fails at the deadline, in ms.
   */
  | { readonly kind: "drain"; readonly deadlineMs: number }
  /** Put names in force on a running leader, behind the barrier (trap 15). */
  | { readonly kind: "set_names"; readonly names: string }
  /**
   * Serve these followers and nobody else: slots for those that have none; slots and connections of all others end, and
   * those of another incarnation under the same name as well. None of these gets in again in this term.
   */
  | { readonly kind: "set_followers"; readonly followers: readonly Seat[] }
  /** Grow a clone beside the data, in the background. */
  | { readonly kind: "clone"; readonly leader: NodeId; readonly term: Term }
  | { readonly kind: "cancel_clone" }
  /** Put the finished clone in the place of the data; the old data stays beside it. */
  | { readonly kind: "swap"; readonly term: Term }
  | { readonly kind: "discard_old" }
  /**
   * From a standstill: the data is made the leader's again in place, from where the two diverged. Whatever does not report that
   * it was done leaves what is no log and is never started.
   */
  | { readonly kind: "rewind"; readonly leader: NodeId; readonly term: Term }
  | { readonly kind: "fence" }
  /** Of a standby: a clean stop, and a fence if that takes too long. */
  | { readonly kind: "stop" }
  /** The Postgres that was found running is ours: it is watched, and worked with. No report. */
  | { readonly kind: "adopt"; readonly followers: readonly Seat[] }
  /** The same with SIGKILL at once, whatever else is under way: what is fails by it. Reports `gone` and nothing else. */
  | { readonly kind: "emergency_fence" }
  | { readonly kind: "observe"; readonly everyMs: number; readonly as: "leader" | "follower" | "idle" }
  /** A small WAL record: releases waiters that a reconnected follower would leave hanging (trap 13). */
  | { readonly kind: "nudge" }
  /** Of a standby, a restartpoint. Reports `checkpointed` when it is done, and nothing if it failed. */
  | { readonly kind: "checkpoint" };

/** What is known of a finished clone. */
export interface ClonePoint {
  readonly position: Position;
  readonly systemIdentifier: string;
}
