import type { History } from "./log/history.js";
import type { Lsn } from "./log/lsn.js";
import type { Position, Term } from "./log/position.js";
import type { Pause } from "./orders.js";
import type { RejoinFacts } from "./rejoin_facts.js";
import type { Incarnation, NodeId, Ruleset, RulesetNumber, RulesetRecord } from "./ruleset/ruleset.js";
import type { SettingsSeen } from "./settings_seen.js";

/**
 * What nodes say to one another, as plain values. The transport turns them into protobuf and back,
 * refuses malformed ones at the edge, and refuses other clusters and protocol versions there too.
 */

/** One coordinator's try at a term. The nonce is drawn afresh for each try, so a restart is another attempt. */
export interface Attempt {
  readonly node: NodeId;
  readonly nonce: string;
}

export function sameAttempt(a: Attempt | null, b: Attempt | null): boolean {
  return a !== null && b !== null && a.node === b.node && a.nonce === b.nonce;
}

/** Who speaks. `systemIdentifier` is null while the speaker has no data. */
export interface Sender {
  readonly node: NodeId;
  readonly incarnation: Incarnation;
  readonly systemIdentifier: string | null;
}

/** An expected failure: a value, with a sentence for the operator. */
export interface Refusal {
  readonly code: RefusalCode;
  readonly reason: string;
  /** The receiver's promise when it refused: lets a coordinator see that it was outbid. */
  readonly promise: Term;
}

export type RefusalCode =
  | "stale_term"
  | "promised_to_another"
  | "already_follows"
  | "not_promised"
  | "promotion_already_started"
  | "position_moved"
  | "non_voter"
  | "foreign_cluster"
  | "incarnation_unknown"
  | "not_ready"
  | "cannot_catch_up"
  | "cannot_lead"
  | "stopping";

/** A promise, by the start of the sidecar that gave it: a node that forgot it and gives it again is told apart. */
export interface PromiseMade {
  readonly term: Term;
  readonly boot: string;
}

/** Instead of a boot, where it is not known. */
export const BOOT_UNKNOWN = "-";

/** What the sender remembers of another node: the last promise that it saw of it. */
export interface Seen extends PromiseMade {
  readonly node: NodeId;
  readonly incarnation: Incarnation;
  /** Of a leader, to a non-voter: once this one, under this start of its sidecar, has flushed so far it has caught up. */
  readonly end: CatchUpEnd | null;
}

/** The leader's flushed LSN, read after that start of the sidecar was heard. */
export interface CatchUpEnd {
  readonly boot: string;
  readonly lsn: Lsn;
}

export interface RecruitRequest {
  readonly term: Term;
  readonly attempt: Attempt;
  /** What the coordinator remembers of the receiver: it may know better than the receiver itself (DESIGN 8). */
  readonly seen: Seen | null;
}

/** A promise kept, with what the promiser holds as of that promise (DESIGN 5.2). */
export interface RecruitAnswer {
  readonly position: Position;
  readonly rulesets: readonly RulesetRecord[];
  readonly voter: boolean;
  readonly incarnation: Incarnation;
  readonly systemIdentifier: string | null;
  /** Canonical text of the ruleset its configuration would found a cluster with. */
  readonly initial: string;
  /** What it granted earlier leaders, as far as it still runs. */
  readonly leases: readonly LeaseLeft[];
  /** The last promises that it knows it gave, oldest first, this one included; none if they were not kept yet. */
  readonly promises: readonly PromiseMade[];
  /** What it remembers of the others. */
  readonly seen: readonly Seen[];
}

/** A leader asks with each status for a lease that it counts from this stamp of its own monotonic clock. */
export interface LeaseAsk {
  readonly stampMs: number;
  readonly leaseMs: number;
}

/** A follower's answer: it helps nobody else for `leaseMs` of the leader's clock, counted from the stamp it echoes. */
export interface LeaseGrant extends LeaseAsk {
  readonly leader: NodeId;
  readonly term: Term;
}

/** What is left of a grant when it is told, in ms. */
export interface LeaseLeft {
  /** Null: whoever led before the granter's sidecar started. */
  readonly leader: NodeId | null;
  /** The term it was granted under; 0 with an unknown leader. */
  readonly term: Term;
  readonly ms: number;
}

export interface PromoteRequest {
  readonly term: Term;
  readonly attempt: Attempt;
  /** The candidate is promoted only at exactly this position. */
  readonly position: Position;
  /** Every ruleset that the recruitment had to satisfy: all are enforced until the first record is decided. */
  readonly obliged: readonly Ruleset[];
  /** The newest ruleset, proposed again as number (term, 0). */
  readonly ruleset: Ruleset;
  /** The newest of the undecided proposals that the recruitment proved void: marked so before anything else. Else null. */
  readonly voids: RulesetNumber | null;
  /** True when every node is empty: the candidate runs initdb. */
  readonly founding: boolean;
  readonly recruited: readonly NodeId[];
  /** Why the change was started, for the history. */
  readonly cause: string;
  /** What earlier leaders that were not recruited may still hold: it is not established before these are over. */
  readonly leases: readonly LeaseLeft[];
}

/** The receiver, a candidate, takes the log of another recruited node up to exactly this position, and stands still again. */
export interface CatchUpRequest {
  readonly term: Term;
  readonly attempt: Attempt;
  /** Holds the promise of the same attempt, and stands still at this position. */
  readonly source: NodeId;
  readonly position: Position;
}

export interface FollowRequest {
  readonly term: Term;
  readonly attempt: Attempt;
  readonly leader: NodeId;
  readonly leaderIncarnation: Incarnation;
  /** The receiver, as the ruleset knows it: a wiped node under an old name would be counted as a copy (hole H8). */
  readonly memberIncarnation: Incarnation;
  /** Null until the leader is out of recovery: the follower stops its receiver and waits. */
  readonly ready: { readonly history: History; readonly systemIdentifier: string } | null;
}

export type PostgresState = "running" | "starting" | "stopped" | "cloning" | "rewinding" | "failed";

/** What every sidecar tells every other one, at each change and as a heartbeat. */
export interface NodeStatus {
  readonly node: NodeId;
  readonly incarnation: Incarnation;
  /** Drawn at each start of the sidecar. */
  readonly boot: string;
  readonly systemIdentifier: string | null;
  readonly initial: string;
  readonly promise: Term;
  /** The last promises that it knows it gave, oldest first; none if they were not kept yet. */
  readonly promises: readonly PromiseMade[];
  readonly role: "leader" | "follower" | "none";
  /** The term it leads or follows; 0 for neither. */
  readonly term: Term;
  readonly leader: NodeId | null;
  readonly established: boolean;
  /** Of a leader: it has checkpointed since its promotion. Before that a rewind from it is no rewind (POSTGRES.md trap 8). */
  readonly checkpointed: boolean;
  /** A follower that receives WAL from the leader of its term. */
  readonly streaming: boolean;
  /** Its last known position; a promise alone makes it final. */
  readonly position: Position;
  readonly rulesets: readonly RulesetRecord[];
  readonly voter: boolean;
  readonly whyNot: string | null;
  readonly postgres: PostgresState;
  /** First-hand: the highest term this node was to lead and leads no more, or 0. */
  readonly ledUntil: Term;
  /** First-hand: no Postgres of this node serves as the leader of this term or a lower one. 0 while that is not known. */
  readonly fencedUntil: Term;
  /** The term whose leader this node holds to be gone, or 0. */
  readonly suspects: Term;
  /** Its sidecar ends now, on purpose, and will be there again within so many ms while its Postgres goes on; else 0. */
  readonly awayMs: number;
  /** The term this node's coordinator is trying to win, or 0. */
  readonly electing: Term;
  readonly flushLsn: Lsn | null;
  readonly replayLsn: Lsn | null;
  /** Of an established leader. */
  readonly quorumLsn: Lsn | null;
  readonly blocked: Blocked | null;
  /** Of a leader, where there are leases. */
  readonly leaseAsk: LeaseAsk | null;
  /** Of a follower: the newest lease it has granted the leader it follows. */
  readonly leaseGrant: LeaseGrant | null;
  /** Of a leader: for so long from the beginning of its term, at most, it waits for leases of earlier ones; else 0. */
  readonly awaitsMs: number;
  /** The newest order to pause or resume elections that it has heard of. */
  readonly pause: Pause;
  /** What it remembers of the others. */
  readonly seen: readonly Seen[];
  /** Of a leader: the change of the rules under way, and what its Postgres was told to wait for. For people. */
  readonly change: ChangeShown | null;
  readonly enforced: Enforced | null;
  /** What waits for a restart of its Postgres; absent: nothing, or nobody has looked. */
  readonly settings?: Pick<SettingsSeen, "pending" | "held">;
  readonly facts: NodeFacts;
}

/** A change of the rules under way. Nothing is decided by it. */
export interface ChangeShown {
  readonly stage: string;
  /** Null until it has one. */
  readonly number: RulesetNumber | null;
  readonly cause: string;
  /** The cohort that is asked for. */
  readonly cohort: readonly NodeId[];
  /** Why it waits; empty if it does not. */
  readonly waitsFor: string;
}

/** `synchronous_standby_names` of a leader. */
export interface Enforced {
  readonly names: string;
  /** False: stricter than the rules ask for, as long as a change of them lasts. */
  readonly exact: boolean;
}

/** Why nothing happens now, for `status`. */
export interface Blocked {
  readonly code: string;
  readonly reason: string;
  readonly missing: readonly NodeId[];
  readonly nextStep: string;
}

/** What a person wants to see of a node; nothing is decided by it. */
export interface NodeFacts {
  readonly postgresVersion: string | null;
  readonly host: string;
  readonly postgresPort: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly sidecarPid: number;
  readonly postmasterPid: number | null;
  readonly dataDir: string;
  /** Phases of the last election this node coordinated or led, in ms. */
  readonly phases: ElectionPhases | null;
  readonly rejoin: RejoinFacts | null;
}

/** Consecutive parts of one change of leadership, in ms. */
export interface ElectionPhases {
  readonly term: Term;
  /** Wall clock of the moment the coordinator acted, in ms since 1970: for people and harnesses, never for decisions. */
  readonly startedUnixMs: number;
  readonly detectMs: number;
  readonly recruitMs: number;
  readonly promoteMs: number;
  readonly establishMs: number;
}

export type RecruitResult =
  | { readonly ok: true; readonly answer: RecruitAnswer }
  | { readonly ok: false; readonly refusal: Refusal };
export type PromoteResult = { readonly ok: true } | { readonly ok: false; readonly refusal: Refusal };
/** Yes: it stands still at exactly the position asked for. */
export type CatchUpResult = { readonly ok: true } | { readonly ok: false; readonly refusal: Refusal };
export type FollowResult =
  | { readonly ok: true; readonly contained: boolean | null }
  | { readonly ok: false; readonly refusal: Refusal };
