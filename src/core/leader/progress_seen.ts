import type { Lsn } from "../log/lsn.js";
import { LSN_ZERO } from "../log/lsn.js";
import type { Term } from "../log/position.js";
import { TERM_NONE } from "../log/position.js";
import type { Turn } from "../turn.js";

/** What a leader has seen of its quorum's progress, in ms of its own clock. */
export interface Progress {
  readonly term: Term;
  readonly quorumLsn: Lsn;
  readonly advancedMs: number;
  /** Since when a quorum has owed something; null while it owes nothing. */
  readonly demandedMs: number | null;
  /** Since when its Postgres owes an answer to a look; null while it gives them. */
  readonly silentSinceMs: number | null;
  /** It gave up a term because of this: until then it leaves the election to the others. */
  readonly yieldsUntilMs: number;
  /** And until then it does not give up another one: what does not get better by another leader must not be tried for ever. */
  readonly staysUntilMs: number;
}

export const NO_PROGRESS: Progress = Object.freeze({
  ...{ term: TERM_NONE, quorumLsn: LSN_ZERO, advancedMs: 0, demandedMs: null },
  ...{ silentSinceMs: null, yieldsUntilMs: 0, staysUntilMs: 0 },
});

/** Whether this node keeps out of an election that it has made necessary. */
export function yields(turn: Turn): boolean {
  return turn.nowMs < turn.volatile.progress.yieldsUntilMs;
}
