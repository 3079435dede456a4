import type { NodeId } from "../core/ruleset/ruleset.js";
import type { SafeStartOptions } from "./safe_start.js";

/** What the operations on a node's own Postgres are done with. */
export interface LocalOptions {
  readonly self: NodeId;
  readonly start: SafeStartOptions;
  readonly walSegmentSizeMb?: number;
  /** Data from which on it is not looked how much more there is: REWIND_FROM_BYTES by default. */
  readonly rewindFromBytes?: number;
  /** How long each operation, and each part of a promotion, took, in ms. */
  readonly timed: (what: string, ms: number) => void;
}
