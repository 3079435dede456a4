import type { OpId } from "./effects.js";
import type { CloneFailure } from "./keeper/clone_failures.js";
import type { Lsn } from "./log/lsn.js";
import type { Position, Term } from "./log/position.js";
import { POSITION_EMPTY, TERM_NONE } from "./log/position.js";
import type { NodeId, RulesetRecord } from "./ruleset/ruleset.js";
import type { SettingsSeen } from "./settings_seen.js";

/** What is known of the Postgres beside this sidecar. */
export interface LocalPostgres {
  /**
   * `foreign`: a directory that is not what this node gave its word on; it is left alone. `torn`: a rewind of it began and is
   * not known to have ended well; it is no log, is never started, and only a clone takes its place.
   */
  readonly data: "absent" | "present" | "foreign" | "torn";
  readonly process: "stopped" | "running";
  /** Proven under this sidecar: no primary of a term that it was to lead serves anybody. A process that died may leave children. */
  readonly primaryGone: boolean;
  /** Set while it stands still: in recovery, receiving nothing, everything replayed. The position is final. */
  readonly still: Still | null;
  /** The leader it was told to stream from. */
  readonly receiver: { readonly leader: NodeId; readonly term: Term; readonly dialledMs: number } | null;
  /** The term whose leader did not serve it although it is contained: a clone is needed. */
  readonly unservedTerm: Term;
  /** The term under which its data was rewound, or was to be: once a term. */
  readonly rewindTerm: Term;
  /** As told with the last standstill; null if nothing was. */
  readonly means: RejoinMeans | null;
  readonly streaming: boolean;
  readonly door: "shut" | "open";
  readonly op: { readonly id: OpId; readonly what: string; readonly term: Term } | null;
  readonly retryAtMs: number;
  /** A dead leader's Postgres is not started before, unless somebody asks for its position. */
  readonly restartAtMs: number;
  readonly failures: number;
  readonly fault: string | null;
  readonly clone: Clone | null;
  /** Within the last hour, oldest first. */
  readonly clonesFailed: readonly CloneFailure[];
  /** Old data kept beside a swapped-in clone until the clone streams. */
  readonly oldKept: boolean;
  readonly position: Position;
  readonly rulesets: readonly RulesetRecord[];
  readonly flushLsn: Lsn | null;
  readonly replayLsn: Lsn | null;
  readonly postmasterPid: number | null;
  readonly observing: string;
  /** Of the process that runs, or of one before it. */
  readonly settings: SettingsSeen | null;
}

/** What a sidecar finds in its data directory before its first step. */
export interface BootData {
  readonly present: boolean;
  readonly oldKept: boolean;
  /** A rewind of it began and its end was never noted. */
  readonly torn?: boolean;
}

/** What the adapter says of the ways back of a node that diverged. */
export interface RejoinMeans {
  /** Of the data; null: not known. */
  readonly bytes: number | null;
  /** Why its data cannot be rewound; null: it can be. */
  readonly noRewind: string | null;
  /** Why there is no place for a clone beside it; absent where nobody looked, null where nothing is known against it. */
  readonly noClone?: string | null;
}

export interface Still {
  readonly position: Position;
  /** As of that position; null if they are not there to be read, though the data counted once. */
  readonly rulesets: readonly RulesetRecord[] | null;
}

export interface Clone {
  readonly op: OpId;
  readonly leader: NodeId;
  readonly term: Term;
  readonly startedMs: number;
  readonly percent: number;
  /** Set when it is complete and on disk. */
  readonly ready: { readonly position: Position; readonly systemIdentifier: string } | null;
}

/** What a sidecar that starts knows of it: which directories there are. */
export function postgresUnseen(data: BootData): LocalPostgres {
  return {
    data: data.torn === true ? "torn" : data.present ? "present" : "absent",
    process: "stopped",
    primaryGone: false,
    still: null,
    receiver: null,
    unservedTerm: TERM_NONE,
    rewindTerm: TERM_NONE,
    means: null,
    streaming: false,
    door: "shut",
    op: null,
    retryAtMs: 0,
    restartAtMs: 0,
    failures: 0,
    fault: null,
    clone: null,
    clonesFailed: [],
    oldKept: data.oldKept,
    position: POSITION_EMPTY,
    rulesets: [],
    flushLsn: null,
    replayLsn: null,
    postmasterPid: null,
    observing: "idle",
    settings: null,
  };
}
