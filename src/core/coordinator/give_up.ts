import { FRUITLESS_ELECTIONS_PER_HOUR_MAX } from "../limits.js";
import type { Turn } from "../turn.js";
import type { CatchingUp, Promoting, Recruiting } from "./election.js";

/** Exponential back-off with jitter; every fruitless recruitment may have restarted a healthy leader, so they are bounded. */
export function giveUp(
  turn: Turn,
  election: Recruiting | CatchingUp | Promoting,
  why: string,
  fruitless: boolean,
): void {
  const { timings } = turn.config;
  const count = election.fruitless + (fruitless ? 1 : 0);
  const floor = count >= FRUITLESS_ELECTIONS_PER_HOUR_MAX ? 3_600_000 / FRUITLESS_ELECTIONS_PER_HOUR_MAX : 0;
  const pause = Math.max(
    floor,
    Math.min(timings.backoffMs * 2 ** Math.min(count, 8), timings.backoffMaxMs) * (0.5 + turn.volatile.jitter),
  );
  turn.set({ election: { stage: "idle", notBeforeMs: turn.nowMs + pause, fruitless: count } });
  turn.note("info", "election_ended", `gives up term ${election.term}: ${why}`, {
    term: Number(election.term),
    reason: why,
    pause_ms: Math.round(pause),
  });
}
