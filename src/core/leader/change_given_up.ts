/**
 * A change that makes no progress, or under which the leader would lose its lease, is taken back before the leader leaves office
 * for it: as long as nobody was asked to mark it, the rules before it are in force for every recruitment there may be, so a
 * quorum and a lease under these are enough to go on (DESIGN 6.5).
 */
import { holdsLease, mustFenceAtMs, rulesOf } from "../lease/holding.js";
import type { Leading, State } from "../state.js";
import type { Turn } from "../turn.js";
import type { Joint } from "./change_state.js";
import { mayBeGivenUp } from "./change_state.js";
import { updateLeading } from "./office.js";

export function giveUpChange(turn: Turn, change: Joint, why: string): void {
  updateLeading(turn, { change: { ...change, givenUp: true } });
  turn.note("warn", "change_given_up", `${why}: the change of the rules is taken back`, {
    term: Number(change.number.term),
    subterm: change.number.subterm,
  });
}

/** Called before the lease is looked at: under the rules before it may still be held when it is not under the joint ones. */
export function keepLeaseWithoutChange(turn: Turn): void {
  const { leading } = turn.volatile;
  if (leading === null || !mayBeGivenUp(leading.change)) return;
  if (turn.nowMs < mustGiveUpAtMs(turn.state(), leading) || !holdsLease(turn, [leading.change.before])) return;
  giveUpChange(turn, leading.change, "the lease under the old and the new rules is running out");
}

/** In time for the shell not to fence by itself; infinite if there is nothing to give up, or no lease. */
export function mustGiveUpAtMs(state: State, leading: Leading): number {
  if (!mayBeGivenUp(leading.change)) return Number.POSITIVE_INFINITY;
  return mustFenceAtMs(state, rulesOf(leading)) - state.config.timings.leaseFenceMs;
}
