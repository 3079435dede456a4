import type { Lsn } from "./lsn.js";
import type { Position, Term } from "./position.js";
import { isEmptyPosition } from "./position.js";

/** An ancestor of a timeline and the LSN at which its successor branched off. */
export interface Ancestor {
  readonly timeline: Term;
  readonly end: Lsn;
}

/**
 * What a timeline is made of: its ancestors, oldest first, with the LSN where each ended.
 * The same as a Postgres timeline history file without placeholders.
 */
export interface History {
  readonly timeline: Term;
  readonly ancestors: readonly Ancestor[];
}

/**
 * Whether every record up to `position` is in `history`: its timeline is the history's own,
 * or an ancestor that had not ended before the position. A node without data is contained everywhere.
 */
export function contains(history: History, position: Position): boolean {
  if (isEmptyPosition(position)) return true;
  if (position.timeline === history.timeline) return true;
  const ancestor = history.ancestors.find((a) => a.timeline === position.timeline);
  return ancestor !== undefined && position.lsn <= ancestor.end;
}

/** The LSN at which the history's own timeline began; undefined for a timeline without ancestors. */
export function switchPoint(history: History): Lsn | undefined {
  return history.ancestors.at(-1)?.end;
}

/** Why a history cannot be one, or undefined: ancestors must rise in timeline and never shrink in LSN. */
export function historyFault(history: History): string | undefined {
  let before: Ancestor | undefined;
  for (const ancestor of history.ancestors) {
    if (ancestor.timeline >= history.timeline)
      return `ancestor ${ancestor.timeline} is not below timeline ${history.timeline}`;
    if (before !== undefined && ancestor.timeline <= before.timeline)
      return `ancestor ${ancestor.timeline} comes after ${before.timeline}`;
    if (before !== undefined && ancestor.end < before.end)
      return `timeline ${ancestor.timeline} ends before its parent ${before.timeline}`;
    before = ancestor;
  }
  return undefined;
}
