/** How a node came back, or does now: for people, decides nothing. */
import type { Term } from "./log/position.js";
import type { NodeId } from "./ruleset/ruleset.js";

export interface RejoinFacts {
  readonly term: Term;
  readonly method: "stream" | "rewind" | "clone";
  readonly ms: number;
  /** 0 to 100, while a clone or a rewind runs. */
  readonly percent: number | null;
  /** The clone or the rewind under way, or the one that is waited for. */
  readonly work: RejoinWork | null;
}

/** For people: what a clone or a rewind does now. */
export interface RejoinWork extends CopyProgress {
  readonly source: NodeId;
  /** From 1; each one before it failed within the last hour. */
  readonly attempt: number;
  /** Why streaming alone would not do. */
  readonly reason: string;
}

/** `waiting`: for something at the source; `waiting_for_turn`: others clone from it by now; `replaying`: after a rewind. */
export type CopyPhase = "waiting" | "waiting_for_turn" | "waiting_for_checkpoint" | "copying" | "syncing" | "replaying";

/** What is not known is null. The total is an estimate: more may come. */
export interface CopyProgress {
  readonly phase: CopyPhase;
  readonly bytes: number | null;
  readonly totalBytes: number | null;
  /** Lately. */
  readonly bytesPerS: number | null;
  /** Of the copying, at that pace. */
  readonly leftMs: number | null;
}

/** Before anything was copied. */
export function nothingCopied(phase: CopyPhase): CopyProgress {
  return { phase, bytes: null, totalBytes: null, bytesPerS: null, leftMs: null };
}
