import type {
  FollowRequest,
  FollowResult,
  NodeStatus,
  PromoteRequest,
  PromoteResult,
  RecruitRequest,
  RecruitResult,
  Sender,
} from "../core/messages.js";
import type { NodeId } from "../core/ruleset/ruleset.js";

/** Names one incoming call until it is answered. */
export type CallId = string;

/** Passwords of our two roles. They travel with `Follow` and never enter the core, a log or a status. */
export interface Credentials {
  readonly superuserPassword: string;
  readonly replicationPassword: string;
}

/** What the transport tells the agent. None of these may throw; malformed and foreign messages never get here. */
export interface TransportEvents {
  recruit(call: CallId, from: Sender, request: RecruitRequest): void;
  promote(call: CallId, from: Sender, request: PromoteRequest): void;
  /** Credentials came with the message: they are to be kept before the request is handled. */
  follow(call: CallId, from: Sender, request: FollowRequest, credentials: Credentials | null): void;
  recruitResult(peer: NodeId, request: RecruitRequest, result: RecruitResult | Unreachable): void;
  promoteResult(peer: NodeId, request: PromoteRequest, result: PromoteResult | Unreachable): void;
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
  answerRecruit(call: CallId, result: RecruitResult): void;
  answerPromote(call: CallId, result: PromoteResult): void;
  answerFollow(call: CallId, result: FollowResult): void;
  /** Pushes to every stream at once; the transport repeats the last one as a heartbeat. */
  publish(status: NodeStatus): void;
}
