import { until } from "../../../src/demo/waiting.js";

const NEVER = new AbortController().signal;
const EVERY_MS = 20;

/** Waits on a condition, never on time; says at the deadline what did not happen. */
export async function waitFor(
  what: string | (() => string),
  deadlineMs: number,
  condition: () => boolean | Promise<boolean>,
  everyMs: number = EVERY_MS,
): Promise<void> {
  await until(async () => ((await condition()) ? true : null), { what, deadlineMs, everyMs, signal: NEVER });
}

/** As `waitFor`, for a condition that has a result. */
export function waitForValue<T>(
  what: string | (() => string),
  deadlineMs: number,
  probe: () => T | null | Promise<T | null>,
  everyMs: number = EVERY_MS,
): Promise<T> {
  return until(probe, { what, deadlineMs, everyMs, signal: NEVER });
}
