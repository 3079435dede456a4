import type { Loop } from "../../src/agent/loop.js";
import type { PostgresAction } from "../../src/core/effects.js";
import type { Event, PostgresReport } from "../../src/core/events.js";
import type { LeftBehind } from "../../src/core/lease/left_behind.js";
import type { Lsn } from "../../src/core/log/lsn.js";
import type { Term } from "../../src/core/log/position.js";
import type { InitialRuleset, NodeId } from "../../src/core/ruleset/ruleset.js";
import type { Durable } from "../../src/core/state.js";
import type { PostgresTable } from "./postgres_table.js";

export interface Message {
  readonly id: string;
  readonly kind: "recruit" | "promote" | "catch_up" | "follow" | "answer";
  readonly from: NodeId;
  readonly to: NodeId;
  readonly text: string;
  readonly event: Event;
}

/** A client whose commit waits for the quorum. */
export interface Waiting {
  readonly leader: NodeId;
  readonly term: Term;
  readonly lsn: Lsn;
}

interface Operation {
  readonly op: number;
  readonly action: PostgresAction;
  /** It is done, and its sidecar has not heard so. */
  readonly report?: PostgresReport;
}

/** A machine: what survives a crash (disk, Postgres' data), and the sidecar that runs on it, if one does. */
export interface Machine {
  readonly id: NodeId;
  readonly postgres: PostgresTable;
  initial: InitialRuleset;
  leases: boolean;
  /** Its leader watches the progress of its quorum. */
  progress: boolean;
  incarnations: number;
  boots: number;
  disk: Durable | null;
  loop: Loop | null;
  diskHangs: boolean;
  /** Sidecar and Postgres stand still; time does not. */
  frozen: boolean;
  /** Its silence that makes a suspicion, in ms: the sidecar takes it when it starts. */
  detectMs: number;
  /** How fast its clock runs. */
  clockRate: number;
  waitingPersist: (() => void) | null;
  /** What its fuse would write down if its sidecar ended now. */
  left: LeftBehind | null;
  fuseDeaf: boolean;
  operations: Operation[];
  lastSeen: string;
}
