import type { Credentials, MadeCredentials } from "../agent/ports.js";
import type { KeeperReport, PostgresReport } from "../core/events.js";
import type { FoundPostgres } from "../core/keeper/adoption.js";
import type { KeptSlot } from "../core/kept_slots.js";
import type { BootData } from "../core/postgres_known.js";
import type { Incarnation, NodeId } from "../core/ruleset/ruleset.js";
import type { TermEvidence } from "../core/term_evidence.js";
import type { CloneLimits } from "./clone_job.js";
import type { SafeStartOptions } from "./safe_start.js";
import type { Place } from "./sources.js";

export interface LocalOptions {
  readonly self: NodeId;
  readonly incarnation: Incarnation;
  readonly start: SafeStartOptions;
  readonly walSegmentSizeMb?: number;
  /** Data from which on it is not looked how much more there is: REWIND_FROM_BYTES by default. */
  readonly rewindFromBytes?: number;
  /** What clones may take of their source; by default as much as they can, two at a time. */
  readonly clones?: CloneLimits;
  /** How long each operation, and each part of a promotion, took, in ms. */
  readonly timed: (what: string, ms: number) => void;
}

export type RevokedFacts = Omit<Extract<KeeperReport, { readonly kind: "revoked" | "caught_up" }>, "kind" | "op">;

export interface LocalPostgresOptions extends LocalOptions {
  readonly report: (report: PostgresReport) => void;
  /** What cannot be reported by event: a background step that failed without harm. */
  readonly warn: (text: string, cause: unknown) => void;
  /** A line of a program of Postgres that works for a while. */
  readonly said: (text: string) => void;
  readonly credentials: { current(): Credentials | null; ensure(): Promise<MadeCredentials> };
  /** Where a peer's Postgres is, and whose is where. */
  readonly placeOf: (node: string) => Place | null;
  readonly idAt: (place: Place) => string | null;
  /** For whom a follower keeps WAL; null: not known. */
  readonly slots: () => readonly KeptSlot[] | null;
  /** What is known of the term that this node leads, to be kept for people. */
  readonly evidence: () => TermEvidence | null;
}

export interface FoundOnDisk extends BootData {
  /** What runs there, if it may be gone on with. */
  readonly running: FoundPostgres | null;
}
