/** A sidecar that is to be restarted: whether its Postgres may go on without it, and until when. */
import { setTimeout as delay } from "node:timers/promises";
import type { SystemClock } from "./agent/clock.js";
import type { Loop } from "./agent/loop.js";
import { LEAVE_WITHIN_MS } from "./core/lease/bounds.js";
import { mustFenceWithinMs } from "./core/lease/lease.js";
import { departureOf } from "./core/lease/leaving.js";
import { leftBehind } from "./core/lease/left_behind.js";
import { recordDeparture } from "./postgres/departure.js";
import type { Fuse } from "./postgres/fuse.js";
import type { OsUser } from "./postgres/os_user.js";

/** A sidecar that is to leave looks this often whether it may. */
const LEAVE_LOOK_MS = 5;

interface Leaving {
  readonly loop: Loop;
  readonly clock: SystemClock;
  readonly fuse: Fuse;
  readonly ground: { readonly stateDir: string; readonly user: OsUser };
  readonly warn: (text: string, cause: unknown) => void;
}

/**
 * The others hear that this node will be back, and for how long to wait; a leader waits for their word that it may be away.
 * Then nothing happens here any more, so that what was promised and granted stays as it is, and the fuse counts alone.
 */
export async function mayLeave({ loop, clock, fuse, ground, warn }: Leaving): Promise<boolean> {
  const { awayMs, detectMs, leaseFenceMs } = loop.state.config.timings;
  loop.deliver({ kind: "leave", backWithinMs: awayMs });
  const giveUpMs = clock.nowMs() + detectMs + LEAVE_WITHIN_MS;
  while (!loop.settled || departureOf(loop.state) === "waits") {
    if (clock.nowMs() > giveUpMs) return false;
    await delay(LEAVE_LOOK_MS);
  }
  const { leading } = loop.state.volatile;
  const leads = leading?.stage === "established" && loop.state.config.timings.leaseMs > 0;
  if (departureOf(loop.state) !== "leaves" || (leads && !fuse.lit)) return false;
  const nowMs = clock.nowMs();
  const untilMs = nowMs + Math.min(awayMs, mustFenceWithinMs(loop.state, nowMs));
  const left = leftBehind(loop.state, untilMs);
  loop.end();
  if (left !== null)
    await recordDeparture(ground, left).catch((err: unknown) =>
      warn("the lease that is left could not be written down: the next sidecar starts Postgres anew", err),
    );
  fuse.leave(untilMs - leaseFenceMs);
  return true;
}
