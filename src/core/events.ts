import type { OpId } from "./effects.js";
import type { FoundPostgres } from "./keeper/adoption.js";
import type { CohortOrder } from "./leader/ordered_cohort.js";
import type { History } from "./log/history.js";
import type { Lsn } from "./log/lsn.js";
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
  Sender,
} from "./messages.js";
import type { HandoverRequest, RestartRequest } from "./orders.js";
import type { RejoinMeans } from "./postgres_known.js";
import type { CopyProgress } from "./rejoin_facts.js";
import type { NodeId, RulesetRecord } from "./ruleset/ruleset.js";
import type { ChangeRequest } from "./ruleset/wanted.js";
import type { SettingsSeen } from "./settings_seen.js";

/** A monotone clock that counts suspended time, in ms, and a random number for jitter: both handed in by the shell. */
export interface Stamp {
  readonly nowMs: number;
  /** Uniform in [0, 1). */
  readonly jitter: number;
}

export interface Unreachable {
  readonly ok: "unreachable";
  readonly reason: string;
}

export type Event =
  /** Time has passed; nothing else happened. */
  | { readonly kind: "tick" }
  /** The first event of a sidecar that found its Postgres running. */
  | { readonly kind: "found"; readonly postgres: FoundPostgres }
  | { readonly kind: "peer_status"; readonly peer: NodeId; readonly status: NodeStatus }
  | { readonly kind: "peer_lost"; readonly peer: NodeId; readonly reason: string; readonly refused: boolean }
  | { readonly kind: "recruit"; readonly call: string; readonly from: Sender; readonly request: RecruitRequest }
  | { readonly kind: "promote"; readonly call: string; readonly from: Sender; readonly request: PromoteRequest }
  | { readonly kind: "follow"; readonly call: string; readonly from: Sender; readonly request: FollowRequest }
  | { readonly kind: "catch_up"; readonly call: string; readonly from: Sender; readonly request: CatchUpRequest }
  | {
      readonly kind: "catch_up_result";
      readonly peer: NodeId;
      readonly request: CatchUpRequest;
      readonly result: CatchUpResult | Unreachable;
    }
  | {
      readonly kind: "recruit_result";
      readonly peer: NodeId;
      readonly request: RecruitRequest;
      readonly result: RecruitResult | Unreachable;
    }
  | {
      readonly kind: "promote_result";
      readonly peer: NodeId;
      readonly request: PromoteRequest;
      readonly result: PromoteResult | Unreachable;
    }
  | {
      readonly kind: "follow_result";
      readonly peer: NodeId;
      readonly request: FollowRequest;
      readonly result: FollowResult | Unreachable;
    }
  | { readonly kind: "postgres"; readonly report: PostgresReport }
  /** An operator wants other rules; only an established leader changes them. */
  | { readonly kind: "change_ruleset"; readonly call: string; readonly request: ChangeRequest }
  /** An operator wants another leader: with the help of this one, or without anybody's. */
  | { readonly kind: "switchover" | "failover"; readonly call: string; readonly request: HandoverRequest }
  /** An operator wants the Postgres of this node started again. */
  | { readonly kind: "restart"; readonly call: string; readonly request: RestartRequest }
  /** An operator wants no elections, or wants them again; any node takes the order. */
  | { readonly kind: "set_pause"; readonly call: string; readonly paused: boolean }
  /** An operator wants other nodes in the cohort. */
  | { readonly kind: "change_cohort"; readonly call: string; readonly request: CohortOrder }
  /** The operator ends the sidecar: Postgres is fenced first. */
  | { readonly kind: "shutdown" }
  /** The sidecar is ended on purpose and will be started again: Postgres goes on, and the others are told how long to wait. */
  | { readonly kind: "leave"; readonly backWithinMs: number };

/** What the local Postgres reports. Reports of operations carry their number, so that a stale one is recognised. */
export type PostgresReport =
  | KeeperReport
  | LeaderReport
  | { readonly kind: "observed"; readonly observation: Observation }
  /** Not asked for: a look has had no answer for so long, and is waited for still. The next one observed ends it. */
  | { readonly kind: "unanswered"; readonly ms: number };

/** Reports that belong to a term in office. */
export type LeaderReport =
  | {
      readonly kind: "promoted";
      readonly op: OpId;
      readonly history: History;
      readonly systemIdentifier: string;
    }
  | { readonly kind: "record_written"; readonly op: OpId; readonly lsn: Lsn }
  | { readonly kind: "checkpointed"; readonly op: OpId }
  /** Not asked for: the youngest records of its own table of rulesets, oldest first; none if somebody dropped it. */
  | { readonly kind: "records_seen"; readonly records: readonly RulesetRecord[] }
  | { readonly kind: "followers_set"; readonly op: OpId };

/** Reports about the Postgres itself, whatever its role. */
export type KeeperReport =
  | {
      /** Both stand still; the second one at the position asked for, unless the source had less or it was cancelled. */
      readonly kind: "revoked" | "caught_up";
      readonly op: OpId;
      readonly position: Position;
      readonly rulesets: readonly RulesetRecord[];
      readonly systemIdentifier: string;
      readonly door: "open" | "shut";
      /** How it could come back, had it diverged; absent: nobody looked. */
      readonly means?: RejoinMeans;
    }
  | { readonly kind: "following"; readonly op: OpId }
  | { readonly kind: "door_set"; readonly op: OpId; readonly open: boolean }
  | { readonly kind: "names_set"; readonly op: OpId }
  | { readonly kind: "cloned"; readonly op: OpId; readonly position: Position; readonly systemIdentifier: string }
  | {
      readonly kind: "clone_progress" | "rewind_progress";
      readonly op: OpId;
      readonly percent: number;
      /** For people. */
      readonly progress?: CopyProgress;
    }
  | { readonly kind: "swapped"; readonly op: OpId }
  /** Stopped again; where it stands the next standstill tells. */
  | { readonly kind: "rewound"; readonly op: OpId }
  | { readonly kind: "fenced" | "stopped"; readonly op: OpId }
  /** `data`: what the operation left behind; a founding that failed may have made a directory. */
  | { readonly kind: "failed"; readonly op: OpId; readonly reason: string; readonly data: "absent" | "present" }
  /** Not asked for: which settings wait for a restart, whenever that changes. */
  | { readonly kind: "settings_seen"; readonly settings: SettingsSeen }
  /** Not asked for: the postmaster is gone, or our session to it closed and no other could be opened. */
  | { readonly kind: "exited"; readonly reason: string }
  /** Not asked for: every process of the one that exited has ended too, so that nobody is served by it any more. */
  | { readonly kind: "gone" };

/** One look at the running Postgres. */
export interface Observation {
  readonly flushLsn: Lsn;
  readonly replayLsn: Lsn | null;
  readonly postmasterPid: number;
  /** Of a standby: whether its receiver streams from the leader it was told to follow. */
  readonly streaming: boolean;
  /** Of a primary: synchronous_standby_names as loaded; null of a standby. */
  readonly names: string | null;
  /** Of a primary: who streams from it, by application name. */
  readonly senders: readonly SenderSeen[];
  /** Of a standby: the ruleset records it has replayed; null if nobody looked. */
  readonly rulesets: readonly RulesetRecord[] | null;
}

export interface SenderSeen {
  readonly name: string;
  readonly streaming: boolean;
  readonly flushLsn: Lsn;
  readonly pid: number;
}

/** The term an event belongs to, for logs. */
export function termOf(event: Event): Term | null {
  switch (event.kind) {
    case "recruit":
    case "promote":
    case "catch_up":
    case "catch_up_result":
    case "follow":
    case "recruit_result":
    case "promote_result":
    case "follow_result":
      return event.request.term;
    default:
      return null;
  }
}
