import { setTimeout as sleep } from "node:timers/promises";

/** A bound on waiting. Monotonic: a wall clock that steps changes nothing. */
export interface Deadline {
  readonly leftMs: () => number;
  readonly elapsedMs: () => number;
}

export function deadlineAfter(ms: number): Deadline {
  const startedMs = performance.now();
  const elapsedMs = () => performance.now() - startedMs;
  return { elapsedMs, leftMs: () => ms - elapsedMs() };
}

/** Asks until the answer is not undefined; undefined when the deadline passed first. */
export async function poll<T>(
  deadline: Deadline,
  everyMs: number,
  ask: () => Promise<T | undefined>,
): Promise<T | undefined> {
  for (;;) {
    const answer = await ask();
    if (answer !== undefined || deadline.leftMs() <= 0) return answer;
    await sleep(everyMs);
  }
}
