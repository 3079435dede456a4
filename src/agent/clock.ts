import { randomInt } from "node:crypto";
import { uptime } from "node:os";
import { performance } from "node:perf_hooks";
import type { ClockPort } from "./ports.js";

/** `os.uptime()` counts in hundredths of a second: only a larger gap is a suspended machine. */
const SUSPENSION_MIN_MS = 200;
/** A look costs a file of /proc; a machine that slept is found out this much later. */
const LOOK_EVERY_MS = 100;
const RANDOM_STEPS = 2 ** 32;

/**
 * Monotonic time that counts suspended time: Node's own clock stands still while the machine sleeps, `os.uptime()`
 * does not. A step of the wall clock changes neither (DESIGN 7).
 */
export class SystemClock implements ClockPort {
  private offsetMs = uptime() * 1000 - performance.now();
  private lookedMs = 0;

  nowMs(): number {
    const here = performance.now();
    if (here - this.lookedMs < LOOK_EVERY_MS) return here + this.offsetMs;
    this.lookedMs = here;
    const slept = uptime() * 1000 - here - this.offsetMs;
    if (slept > SUSPENSION_MIN_MS) this.offsetMs += slept;
    return here + this.offsetMs;
  }

  jitter(): number {
    return randomInt(RANDOM_STEPS) / RANDOM_STEPS;
  }

  after(ms: number, callback: () => void): () => void {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  }
}
