import { randomInt } from "node:crypto";
import { uptime } from "node:os";
import { performance } from "node:perf_hooks";
import type { ClockPort } from "./ports.js";

/** `os.uptime()` counts in hundredths of a second: only a larger gap is a suspended machine. */
const SUSPENSION_MIN_MS = 200;
/** The wall clock goes on during a suspension; so much of a difference is reason to look, whatever made it. */
const WALL_GAP_MS = 100;
/** And without a reason, so that a wall clock that was set back by just the time slept hides it no longer than this. */
const LOOK_EVERY_MS = 10_000;
const RANDOM_STEPS = 2 ** 32;

/**
 * Monotonic time that counts suspended time: Node's own clock stands still while the machine sleeps, `os.uptime()`
 * does not. A step of the wall clock changes neither (DESIGN 7); it is only asked whether it is worth to open a file
 * of /proc, which costs more than all the rest.
 */
export class SystemClock implements ClockPort {
  private offsetMs = uptime() * 1000 - performance.now();
  private lookedMs = 0;
  private wallOffsetMs = Number.NEGATIVE_INFINITY;

  nowMs(): number {
    const here = performance.now();
    const wallOffsetMs = Date.now() - here;
    const wallMoved = Math.abs(wallOffsetMs - this.wallOffsetMs) > WALL_GAP_MS;
    if (!wallMoved && here - this.lookedMs < LOOK_EVERY_MS) return here + this.offsetMs;
    this.lookedMs = here;
    this.wallOffsetMs = wallOffsetMs;
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
