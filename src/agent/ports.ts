import type { Note, OpId, PostgresAction } from "../core/effects.js";
import type { CohortOrder } from "../core/leader/ordered_cohort.js";
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
} from "../core/messages.js";
import type {
  HandoverRequest,
  HandoverResult,
  Mandate,
  PauseResult,
  RestartRequest,
  RestartResult,
} from "../core/orders.js";
import type { NodeId } from "../core/ruleset/ruleset.js";
import type { ChangeResult } from "../core/ruleset/wanted.js";
import type { Durable, State } from "../core/state.js";

/** Names one incoming call until it is answered. */
export type CallId = string;

/** Passwords of our two roles. They travel with `Follow` and never enter the core, a log or a status. */
export interface Credentials {
  readonly superuserPassword: string;
  readonly replicationPassword: string;
}

/** What a founder has in hand. */
export interface MadeCredentials extends Credentials {
  /** Drawn by us, with more entropy than any amount of hashing could add. */
  readonly replicationMade: boolean;
}

/** What the transport tells the agent. None of these may throw; malformed and foreign messages never get here. */
export interface TransportEvents {
  recruit(call: CallId, from: Sender, request: RecruitRequest): void;
  promote(call: CallId, from: Sender, request: PromoteRequest): void;
  catchUp(call: CallId, from: Sender, request: CatchUpRequest): void;
  /** Credentials came with the message: they are to be kept before the request is handled. */
  follow(call: CallId, from: Sender, request: FollowRequest, credentials: Credentials | null): void;
  /** An operator wants another leader, or a pause. */
  handover(kind: Mandate["kind"], call: CallId, request: HandoverRequest): void;
  setPause(call: CallId, paused: boolean): void;
  /** An operator wants this node's Postgres started again. */
  restart(call: CallId, request: RestartRequest): void;
  /** An operator wants other nodes in the cohort. */
  changeCohort(call: CallId, request: CohortOrder): void;
  recruitResult(peer: NodeId, request: RecruitRequest, result: RecruitResult | Unreachable): void;
  promoteResult(peer: NodeId, request: PromoteRequest, result: PromoteResult | Unreachable): void;
  catchUpResult(peer: NodeId, request: CatchUpRequest, result: CatchUpResult | Unreachable): void;
  followResult(peer: NodeId, request: FollowRequest, result: FollowResult | Unreachable): void;
  /** A peer's status arrived on its stream; `peer` is the address it was expected at. */
  peerStatus(peer: NodeId, status: NodeStatus): void;
  /** The stream to a peer ended or could not be opened; `refused` when the peer answered that we do not belong together. */
  peerLost(peer: NodeId, reason: string, refused: boolean): void;
}

/** No answer within the deadline, or no connection. Says nothing about whether the request was carried out. */
export interface Unreachable {
  readonly ok: "unreachable";
  readonly reason: string;
}

export interface TransportPort {
  recruit(to: NodeId, request: RecruitRequest): void;
  promote(to: NodeId, request: PromoteRequest): void;
  follow(to: NodeId, request: FollowRequest, credentials: Credentials | null): void;
  catchUp(to: NodeId, request: CatchUpRequest): void;
  answerCatchUp(call: CallId, result: CatchUpResult): void;
  answerRecruit(call: CallId, result: RecruitResult): void;
  answerPromote(call: CallId, result: PromoteResult): void;
  answerFollow(call: CallId, result: FollowResult): void;
  /** To the operator who asked for other rules. */
  answerChange(call: CallId, result: ChangeResult): void;
  /** To the operator who asked for another leader. */
  answerHandover(call: CallId, result: HandoverResult): void;
  answerPause(call: CallId, result: PauseResult): void;
  answerRestart(call: CallId, result: RestartResult): void;
  /** Pushes to every stream at once; the transport repeats the last one as a heartbeat. */
  publish(status: NodeStatus): void;
}

/** The local Postgres: takes an action, reports by event with the operation's number. */
export interface PostgresPort {
  perform(op: OpId, action: PostgresAction): void;
  /** At once, whatever else is under way: for the shell itself, when the disk or an invariant failed. */
  emergencyFence(): void;
}

/** Closes Postgres when the sidecar is gone or hangs, and knows then what that leaves behind. */
export interface FusePort {
  /** After each step, before anything of it is done. */
  heed(state: State): void;
}

export interface StorePort {
  /** Calls back once `durable` is on disk, its directory entry included; with an error if it is not. */
  persist(durable: Durable, done: (error: Error | null) => void): void;
}

export interface ClockPort {
  /** Monotonic, counting suspended time, in ms. */
  nowMs(): number;
  /** Uniform in [0, 1). */
  jitter(): number;
  /** Calls back once after `ms`; the returned function cancels it. */
  after(ms: number, callback: () => void): () => void;
}

export interface NotePort {
  note(note: Note): void;
}

export interface Ports {
  readonly transport: TransportPort;
  readonly postgres: PostgresPort;
  readonly fuse: FusePort;
  readonly store: StorePort;
  readonly clock: ClockPort;
  readonly notes: NotePort;
  /** What travels with `Follow`; null while this node knows none. */
  readonly credentials: () => Credentials | null;
  /** The sidecar must end: an invariant broke, or a promise could not be made durable. Postgres is fenced already. */
  readonly fatal: (reason: string) => void;
}
