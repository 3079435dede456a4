/** A leader whose sidecar is stopped for good, with its Postgres, lets another node lead first: no commit is left in the air. */
import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { SystemClock } from "./agent/clock.js";
import type { Loop } from "./agent/loop.js";

/** For the target to have everything. Whatever was not done by then, Postgres is fenced, and the others elect. */
const CAUGHT_UP_WITHIN_MS = 5_000;
const LOOK_MS = 5;

/**
 * The same order as an operator's. Refused (nobody else could lead) or not carried out in time, the sidecar ends as one that
 * was not asked to wait: its core notes the reason.
 */
export async function handOverFirst({
  loop,
  clock,
}: {
  readonly loop: Loop;
  readonly clock: SystemClock;
}): Promise<void> {
  const { timings, self } = loop.state.config;
  if (loop.state.volatile.leading?.stage !== "established") return;
  const call = randomUUID();
  const request = {
    to: null,
    deadlineMs: CAUGHT_UP_WITHIN_MS,
    cause: `the sidecar and the Postgres of ${self} are being stopped`,
  };
  loop.deliver({ kind: "switchover", call, request });
  const giveUpMs = clock.nowMs() + CAUGHT_UP_WITHIN_MS + timings.establishMs;
  // An order that was under way already is waited for as well. Its answer says that the next leader is established.
  const isUnderWay = () => !loop.settled || loop.state.volatile.mandate !== null;
  while (isUnderWay() && clock.nowMs() < giveUpMs) await delay(LOOK_MS);
}
