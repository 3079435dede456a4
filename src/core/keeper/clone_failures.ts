/**
 * When the next clone may begin. Each one reads all of the leader's data, so those that fail are bounded: the pause doubles
 * under one leader, and whatever leaders there were, only so many an hour. What an operator may mend (space, a password, the
 * network) is tried again by itself then.
 */
import { CLONE_PAUSE_MAX_MS, CLONES_FAILED_PER_HOUR_MAX } from "../limits.js";
import type { Term } from "../log/position.js";
import type { Turn } from "../turn.js";

/** A clone that came to nothing by itself; one that was overtaken by a newer leader is none. */
export interface CloneFailure {
  readonly term: Term;
  /** By this node's clock. */
  readonly atMs: number;
}

const HOUR_MS = 3_600_000;

/** Those that still count, oldest first. */
export function withFailure(failed: readonly CloneFailure[], now: CloneFailure): readonly CloneFailure[] {
  return [...lastHour(failed, now.atMs), now].slice(-CLONES_FAILED_PER_HOUR_MAX);
}

export function lastHour(failed: readonly CloneFailure[], nowMs: number): readonly CloneFailure[] {
  return failed.filter(({ atMs }) => nowMs - atMs < HOUR_MS);
}

/** In ms of this node's clock; what is past is due. */
export function cloneDueMs(failed: readonly CloneFailure[], term: Term, retryMs: number): number {
  const last = failed.at(-1);
  if (last === undefined) return 0;
  const underTerm = failed.filter((failure) => failure.term === term).length;
  const pauseMs = underTerm === 0 ? 0 : Math.min(retryMs * 2 ** (underTerm - 1), CLONE_PAUSE_MAX_MS);
  const oldest = failed[failed.length - CLONES_FAILED_PER_HOUR_MAX];
  return Math.max(last.atMs + pauseMs, oldest === undefined ? 0 : oldest.atMs + HOUR_MS);
}

export function isCloneDue({ postgres, nowMs, config }: Turn, term: Term): boolean {
  return nowMs >= cloneDueMs(postgres.clonesFailed, term, config.timings.retryMs);
}

/** For `status`, after a failure. */
export function nextCloneText(failed: readonly CloneFailure[], term: Term, retryMs: number, nowMs: number): string {
  const seconds = Math.max(0, Math.ceil((cloneDueMs(failed, term, retryMs) - nowMs) / 1000));
  const count = lastHour(failed, nowMs).length;
  return `${count} of at most ${CLONES_FAILED_PER_HOUR_MAX} clones failed within the hour, the next begins in ${seconds} s`;
}
