import { setTimeout as delay } from "node:timers/promises";

/** The demo could not go on: the cause, and what to look at next. */
export class DemoFailed extends Error {
  override readonly name = "DemoFailed";
}

export interface Wait {
  /** Ends "… did not happen within N ms"; a function if the answer changes while one waits. */
  readonly what: string | (() => string);
  readonly deadlineMs: number;
  readonly everyMs?: number;
  readonly signal: AbortSignal;
}

const EVERY_MS = 50;

/** Asks until the probe answers something other than null. Rejects at the deadline, or when the signal aborts. */
export async function until<T>(probe: () => T | null | Promise<T | null>, wait: Wait): Promise<T> {
  const deadline = performance.now() + wait.deadlineMs;
  for (;;) {
    wait.signal.throwIfAborted();
    const answer = await probe();
    if (answer !== null) return answer;
    if (performance.now() > deadline) {
      const what = typeof wait.what === "string" ? wait.what : wait.what();
      throw new DemoFailed(`waited ${Math.round(wait.deadlineMs / 1000)} s in vain for ${what}`);
    }
    await delay(wait.everyMs ?? EVERY_MS, undefined, { signal: wait.signal });
  }
}

/** Lets time pass; rejects when the signal aborts. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal });
}

/** Wall clock with a fraction: comparable with what other processes of this machine write down. */
export function wallMs(): number {
  return performance.timeOrigin + performance.now();
}
