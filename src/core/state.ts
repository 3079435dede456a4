import type { CatchUp } from "./acceptor/catch_up.js";
import type { Election } from "./coordinator/election.js";
import type { OpId } from "./effects.js";
import type { SenderSeen } from "./events.js";
import type { RulesInOffice } from "./leader/change_state.js";
import { NO_PROGRESS, type Progress } from "./leader/progress_seen.js";
import { freshBook, type LeaseBook } from "./lease/book.js";
import type { History } from "./log/history.js";
import type { Lsn } from "./log/lsn.js";
import { TERM_NONE, type Term } from "./log/position.js";
import type {
  Attempt,
  Blocked,
  CatchUpEnd,
  ElectionPhases,
  NodeStatus,
  PromiseMade,
  PromoteRequest,
  Seen,
} from "./messages.js";
import { BOOT_UNKNOWN } from "./messages.js";
import type { Mandate, Pause, RestartOrder } from "./orders.js";
import { NEVER_PAUSED } from "./orders.js";
import type { BootData, LocalPostgres } from "./postgres_known.js";
import { postgresUnseen } from "./postgres_known.js";
import type { RejoinFacts } from "./rejoin_facts.js";
import type { Incarnation, InitialRuleset, NodeId, Ruleset, RulesetNumber } from "./ruleset/ruleset.js";
import type { Timings } from "./timings.js";

/** What the state file holds: this node's durable word. */
export interface Durable {
  readonly cluster: string;
  readonly node: NodeId;
  readonly incarnation: Incarnation;
  /** Of the data this node holds; null before it holds any. */
  readonly systemIdentifier: string | null;
  /** No agent of a lower term gets anything from this node. One attempt a term, ever. */
  readonly promise: Promised;
  /**
   * The last promises, oldest first, the present one included: so that it can be told from outside whether this node has
   * forgotten one. Empty in a file of a version that did not keep them, until the next promise.
   */
  readonly promises: readonly PromiseMade[];
  /** It may lack what it had acknowledged: restored from the past, or rewound. No vote until it has caught up (DESIGN 5.7, 8). */
  readonly nonVoter: boolean;
  /** The highest term under which this node began a promotion: at most once a term (DESIGN 5.5). */
  readonly promotionStarted: Term;
  /** The term under which this node ran initdb, until a ruleset record stands in that log; else 0. */
  readonly founding: Term;
  /** The term under which its first clone was about to become its data; else 0. */
  readonly joining: Term;
  /** This node's data once held a copy that may have counted. If it is gone, the node does not vote. */
  readonly held: boolean;
  /**
   * The longest lease that this node may have granted and that may still run, in ms: on disk before it grants one. A sidecar
   * that starts with a shorter one answers for this one. Absent in files that are older than leases.
   */
  readonly leaseMs?: number;
  /** Before it held any data it heard that the cluster exists: it founds none. Absent in older files. */
  readonly sawCluster?: boolean;
  /** Whether elections are paused, as far as this node has heard. */
  readonly pause: Pause;
}

export interface Promised {
  readonly term: Term;
  /** Null before the first promise, and for one that others remember and this node forgot. */
  readonly attempt: Attempt | null;
}

/** Fixed while the sidecar runs. */
export interface NodeConfig {
  readonly self: NodeId;
  readonly boot: string;
  readonly initial: InitialRuleset;
  readonly timings: Timings;
  readonly host: string;
  readonly postgresPort: number;
  readonly postgresVersion: string | null;
  readonly dataDir: string;
  /** It keeps WAL and promises and counts as a copy, but has no Postgres: nobody connects to it, and it never leads. */
  readonly witness?: boolean;
  readonly sidecarPid: number;
  /** Wall clock minus the monotonic one, in ms: only for what people read. */
  readonly unixOffsetMs: number;
  /** Nodes that no ruleset names are let in as observers, and a wiped one is put back in its place by the leader. */
  readonly admitObservers: boolean;
  /** A diverged node with less data than so many bytes clones: that is quick. Absent: REWIND_FROM_BYTES. */
  readonly rewindFromBytes?: number;
}

export interface State {
  readonly config: NodeConfig;
  readonly durable: Durable;
  readonly volatile: Volatile;
}

/** Lost in a crash, without harm. */
export interface Volatile {
  readonly nowMs: number;
  readonly jitter: number;
  readonly startedMs: number;
  readonly stopping: boolean;
  /** It stops to be started again within so long, and its Postgres goes on; else 0. */
  readonly awayMs: number;
  readonly nextOp: OpId;
  readonly postgres: LocalPostgres;
  /** The recruitment this node has promised to and not yet answered. */
  readonly pending: PendingRecruit | null;
  readonly following: Following | null;
  readonly leading: Leading | null;
  readonly lease: LeaseBook;
  readonly progress: Progress;
  /** What this node, a candidate, was asked to take from another one before it can be promoted. */
  readonly catchUp: CatchUp | null;
  readonly election: Election;
  readonly suspicion: Suspicion | null;
  /** What an operator ordered this node to do about the leader, until it is answered. */
  readonly mandate: Mandate | null;
  readonly restart: RestartOrder | null;
  /** When this node last saw a leader in office, or its own start. */
  readonly leaderSeenMs: number;
  readonly peers: Readonly<Record<NodeId, Peer>>;
  /** No ruleset in force names this node, as far as it knows. */
  readonly outside: boolean;
  readonly blocked: Blocked | null;
  /** Since when an election has been both wanted and possible; null while it is not. */
  readonly possibleSinceMs: number | null;
  /** Code and nodes of the last block that was logged. */
  readonly blockedNoted: string;
  readonly phases: ElectionPhases | null;
  readonly rejoin: RejoinFacts | null;
  /** What was last published, to see what changed since. */
  readonly published: { readonly acted: string; readonly shown: string; readonly lsns: string } | null;
  /** Something that is only shown changed, and waits for company. */
  readonly publishSoon: boolean;
  readonly publishedMs: number;
}

export interface PendingRecruit {
  readonly term: Term;
  readonly attempt: Attempt;
  readonly calls: readonly string[];
}

export interface Following {
  readonly term: Term;
  readonly attempt: Attempt;
  readonly leader: NodeId;
  readonly ready: { readonly history: History; readonly systemIdentifier: string } | null;
  readonly sinceMs: number;
}

/** A term in office. */
export interface Leading extends RulesInOffice {
  readonly term: Term;
  readonly request: PromoteRequest;
  readonly stage: "promoting" | "writing" | "establishing" | "established";
  readonly history: History | null;
  readonly systemIdentifier: string | null;
  /** Every ruleset that a commit must satisfy now. */
  readonly obliged: readonly Ruleset[];
  /** `synchronous_standby_names` as last put in force. */
  readonly names: string;
  readonly ruleset: Ruleset;
  readonly number: RulesetNumber;
  /** The quorum must pass this LSN before the leader is established. */
  readonly firstRecord: Lsn | null;
  /**
   * The decided mark: not written, being written, at an LSN that a quorum does not have yet, durable. `lost`: it was
   * durable, and somebody removed it or the proposal it belongs to.
   */
  readonly mark: "none" | "writing" | Lsn | "durable" | "lost";
  readonly senders: Readonly<Record<NodeId, SenderState>>;
  readonly flushLsn: Lsn;
  readonly quorumLsn: Lsn;
  readonly followSentMs: Readonly<Record<NodeId, number>>;
  readonly startedMs: number;
  readonly promotedMs: number;
  readonly establishedMs: number | null;
  /** Its checkpoint since the promotion: not asked for, the operation that it was asked by, done. */
  readonly checkpoint: "due" | OpId | "done";
  /** Since when a member has been refusing this term for a higher promise; null if none does. */
  readonly refusedSinceMs: number | null;
  /** What non-voters have to reach, as far as it is known; null while the next look at Postgres will tell. */
  readonly ends: Readonly<Record<NodeId, { readonly boot: string; readonly end: CatchUpEnd | null }>>;
}

export interface SenderState {
  readonly pid: SenderSeen["pid"];
  readonly flushLsn: Lsn;
  readonly changedMs: number;
}

/** Why a leader is needed, and what it is founded on. */
export interface Suspicion {
  /** The term whose leader is held to be gone; 0 if none was ever known. */
  readonly term: Term;
  readonly leader: NodeId | null;
  /** The leader itself says so: no corroboration is needed. */
  readonly firstHand: boolean;
  readonly cause: string;
  readonly sinceMs: number;
}

export interface Peer {
  readonly status: NodeStatus | null;
  readonly heardMs: number;
  readonly connected: boolean;
  readonly lost: string | null;
  /** Since when it has been trying for the term it tries for now. */
  readonly electingSinceMs: number;
  /** The last promise this incarnation was seen with, and under which start of its sidecar it was seen. */
  readonly seen: (Seen & { readonly under: string }) | null;
  /** It has forgotten that one: it was restored from a snapshot, and does not know it yet (DESIGN 8). */
  readonly forgot: boolean;
}

/** The state a sidecar starts with: its durable word, and nothing known of anybody. */
export function initialState(config: NodeConfig, durable: Durable, data: BootData, nowMs: number): State {
  return {
    config,
    durable,
    volatile: {
      nowMs,
      jitter: 0,
      startedMs: nowMs,
      stopping: false,
      awayMs: 0,
      nextOp: 1,
      postgres: postgresUnseen(data),
      pending: null,
      following: null,
      leading: null,
      catchUp: null,
      progress: NO_PROGRESS,
      lease: freshBook(config.timings, durable, nowMs),
      election: { stage: "idle", notBeforeMs: nowMs, fruitless: 0 },
      suspicion: null,
      mandate: null,
      restart: null,
      leaderSeenMs: nowMs,
      peers: {},
      outside: false,
      blocked: null,
      possibleSinceMs: null,
      phases: null,
      rejoin: null,
      published: null,
      publishSoon: false,
      publishedMs: 0,
      blockedNoted: "",
    },
  };
}

/** A node's word before it has given any. */
export function freshDurable(cluster: string, node: NodeId, incarnation: Incarnation): Durable {
  return {
    cluster,
    node,
    incarnation,
    systemIdentifier: null,
    promise: { term: TERM_NONE, attempt: null },
    promises: [{ term: TERM_NONE, boot: BOOT_UNKNOWN }],
    nonVoter: false,
    promotionStarted: TERM_NONE,
    founding: TERM_NONE,
    joining: TERM_NONE,
    held: false,
    pause: NEVER_PAUSED,
  };
}

/** Data that may have counted is gone: the node answers nothing that depends on it and is refused by name. */
export function hasLostItsData(state: Pick<State, "durable" | "volatile">): boolean {
  return state.durable.held && state.volatile.postgres.data !== "present";
}

/** Whether its answer counts in a recruitment. */
export function hasVote(state: Pick<State, "durable" | "volatile">): boolean {
  return !state.durable.nonVoter && !hasLostItsData(state) && !hasLostItsRulesets(state);
}

/**
 * It stands still, and its rulesets as of that position were dropped by somebody. Those read last are of an earlier one: a
 * ruleset proposed in between would oblige, and be hidden (hole H6).
 */
export function hasLostItsRulesets({ volatile: { postgres } }: Pick<State, "volatile">): boolean {
  return postgres.data === "present" && postgres.still !== null && postgres.still.rulesets === null;
}
