import type { Lsn } from "./lsn.js";
import { formatLsn, LSN_ZERO } from "./lsn.js";

/**
 * Number of an attempt to change leadership, and the timeline id of the leader that won it.
 * Postgres keeps it as int4 in its control file: terms stay below 2^31 (POSTGRES.md trap 12).
 */
export type Term = bigint;

export const TERM_NONE: Term = 0n;
/** Timeline 1 is initdb's; nobody leads under it. */
export const TERM_FIRST: Term = 2n;
export const TERM_MAX: Term = (1n << 31n) - 1n;

/** Timeline and LSN of the last complete WAL record: the one total order of logs (DESIGN 3). */
export interface Position {
  readonly timeline: Term;
  readonly lsn: Lsn;
}

/** The position of a node without data, below every other. */
export const POSITION_EMPTY: Position = Object.freeze({ timeline: TERM_NONE, lsn: LSN_ZERO });

/** Raft's "at least as up to date": the higher timeline, then the higher LSN. Negative, zero or positive. */
export function comparePositions(a: Position, b: Position): number {
  if (a.timeline !== b.timeline) return a.timeline < b.timeline ? -1 : 1;
  if (a.lsn !== b.lsn) return a.lsn < b.lsn ? -1 : 1;
  return 0;
}

export function isEmptyPosition(position: Position): boolean {
  return position.timeline === TERM_NONE;
}

export function formatPosition(position: Position): string {
  return isEmptyPosition(position) ? "empty" : `${position.timeline}:${formatLsn(position.lsn)}`;
}
