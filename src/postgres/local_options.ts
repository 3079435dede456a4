import type { Credentials, MadeCredentials } from "../agent/ports.js";
import type { PostgresReport } from "../core/events.js";
import type { FoundPostgres } from "../core/keeper/adoption.js";
import type { Position } from "../core/log/position.js";
import type { Incarnation, NodeId, RulesetRecord } from "../core/ruleset/ruleset.js";
import type { TermEvidence } from "../core/term_evidence.js";
import type { SafeStartOptions } from "./safe_start.js";

/** Where a node's Postgres listens. */
export interface Place {
  readonly host: string;
  readonly port: number;
}

export interface LocalOptions {
  readonly self: NodeId;
  readonly incarnation: Incarnation;
  readonly start: SafeStartOptions;
  readonly walSegmentSizeMb?: number;
  /** How long each operation, and each part of a promotion, took, in ms. */
  readonly timed: (what: string, ms: number) => void;
}

export interface RevokedFacts {
  readonly position: Position;
  readonly rulesets: readonly RulesetRecord[];
  readonly systemIdentifier: string;
  readonly door: "open" | "shut";
}

export interface LocalPostgresOptions extends LocalOptions {
  readonly report: (report: PostgresReport) => void;
  /** What cannot be reported by event: a background step that failed without harm. */
  readonly warn: (text: string, cause: unknown) => void;
  readonly credentials: { current(): Credentials | null; ensure(): Promise<MadeCredentials> };
  /** Where a peer's Postgres is, and whose is where. */
  readonly placeOf: (node: string) => Place | null;
  readonly idAt: (place: Place) => string | null;
  /** What is known of the term that this node leads, to be kept for people. */
  readonly evidence: () => TermEvidence | null;
}

export interface FoundOnDisk {
  readonly present: boolean;
  readonly oldKept: boolean;
  /** What runs there, if it may be gone on with. */
  readonly running: FoundPostgres | null;
}
