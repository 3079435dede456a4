import { describe, expect, it } from "vitest";
import { type CloneFailure, cloneDueMs, nextCloneText, withFailure } from "../../src/core/keeper/clone_failures.js";
import { CLONE_PAUSE_MAX_MS, CLONES_FAILED_PER_HOUR_MAX } from "../../src/core/limits.js";

const RETRY_MS = 200;
const HOUR_MS = 3_600_000;

/** Tried as soon as it is due, under these terms one after the other. */
function failures(terms: readonly bigint[], lastsMs = 0): readonly CloneFailure[] {
  let failed: readonly CloneFailure[] = [];
  let nowMs = 0;
  for (const term of terms) {
    nowMs = Math.max(nowMs, cloneDueMs(failed, term, RETRY_MS)) + lastsMs;
    failed = withFailure(failed, { term, atMs: nowMs });
  }
  return failed;
}

const times = (count: number, term = 3n) => Array.from({ length: count }, () => term);

describe("the pause between clones that fail", () => {
  it("is none before the first, doubles from one to the next, and ends at a bound", () => {
    expect(cloneDueMs([], 3n, RETRY_MS)).toBe(0);
    const at = failures(times(16)).map(({ atMs }) => atMs);
    const pauses = at.slice(1).map((ms, i) => ms - (at[i] ?? 0));
    expect(pauses.slice(0, 4)).toEqual([200, 400, 800, 1600]);
    expect(pauses.at(-1)).toBe(CLONE_PAUSE_MAX_MS);
  });

  it("begins anew with another leader", () => {
    const failed = failures(times(8));
    const last = failed.at(-1)?.atMs ?? 0;
    expect(cloneDueMs(failed, 4n, RETRY_MS)).toBe(last);
    expect(cloneDueMs(failed, 3n, RETRY_MS)).toBe(last + 200 * 2 ** 7);
  });

  it("keeps to so many an hour, however many leaders there are", () => {
    const terms = Array.from({ length: 3 * CLONES_FAILED_PER_HOUR_MAX }, (_, i) => BigInt(i));
    const failed = failures(terms, 1000);
    expect(failed.length).toBeLessThanOrEqual(CLONES_FAILED_PER_HOUR_MAX);
    const all: number[] = [];
    let kept: readonly CloneFailure[] = [];
    for (const term of terms) {
      const atMs = Math.max(all.at(-1) ?? 0, cloneDueMs(kept, term, RETRY_MS)) + 1000;
      all.push(atMs);
      kept = withFailure(kept, { term, atMs });
    }
    for (const from of all)
      expect(all.filter((ms) => ms >= from && ms < from + HOUR_MS).length).toBeLessThanOrEqual(
        CLONES_FAILED_PER_HOUR_MAX,
      );
  });

  it("is told", () => {
    const failed = failures(times(3));
    const nowMs = failed.at(-1)?.atMs ?? 0;
    expect(nextCloneText(failed, 3n, RETRY_MS, nowMs)).toBe(
      "3 of at most 30 clones failed within the hour, the next begins in 1 s",
    );
  });
});
