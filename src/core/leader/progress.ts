/**
 * Liveness is judged by what a leader is for: does the quorum LSN advance when there is demand? (DESIGN 7)
 *
 * Demand is WAL that no quorum has yet; while nobody writes the leader makes some itself, rarely. One signal for a disk that
 * hangs, a stuck walsender, a cut between leader and followers only. Where Postgres itself hangs there is nothing to be seen of
 * its WAL: a look at it is demand as well, and the answer is progress. The leader judges itself, first-hand:
 * it gives up its term if it can see that others could go on without it, and then keeps out of their way for a while.
 */
import { type Answer, decide } from "../coordinator/decide.js";
import { answersFromStatuses, byRank } from "../coordinator/standing.js";
import { formatLsn } from "../log/lsn.js";
import { satisfiedAll } from "../quorum/policy.js";
import type { NodeId } from "../ruleset/ruleset.js";
import { seated } from "../ruleset/seats.js";
import type { Leading } from "../state.js";
import type { Turn } from "../turn.js";
import { giveUpChange } from "./change_given_up.js";
import { mayBeGivenUp } from "./change_state.js";
import { stepDown } from "./office.js";
import { isConnected } from "./waiting.js";

export function watchProgress(turn: Turn): void {
  const { leading, progress, nowMs } = turn.volatile;
  const { demandEveryMs, detectMs } = turn.config.timings;
  if (demandEveryMs === 0 || leading === null || leading.stage !== "established") return;
  const { silentSinceMs } = progress;
  if (silentSinceMs !== null && nowMs - silentSinceMs >= detectMs)
    return yieldIfOthersCan(turn, leading, `its Postgres has not answered for ${Math.round(nowMs - silentSinceMs)} ms`);
  const owed = leading.flushLsn > leading.quorumLsn;
  const { term, quorumLsn } = leading;
  if (progress.term !== term || quorumLsn > progress.quorumLsn) {
    const demandedMs = owed ? nowMs : null;
    return turn.set({ progress: { ...progress, term, quorumLsn, advancedMs: nowMs, demandedMs } });
  }
  if (progress.demandedMs !== null) {
    const stalledMs = nowMs - progress.demandedMs;
    if (stalledMs >= detectMs) yieldIfOthersCan(turn, leading, stalled(leading, stalledMs), takesBackAChange);
    return;
  }
  const idle = !owed && nowMs - progress.advancedMs >= demandEveryMs;
  if (idle) turn.background({ kind: "nudge" });
  if (idle || owed) turn.set({ progress: { ...progress, demandedMs: nowMs } });
}

/**
 * Commits wait since a change of the rules asks for nodes that are gone, and by the rules before it those who stream are
 * enough: another leader would not do better, so the change is given up first. What stands still after that is not its fault.
 */
function takesBackAChange(turn: Turn, leading: Leading): boolean {
  const { change } = leading;
  if (!mayBeGivenUp(change) || !isConnected(turn, leading, [change.before])) return false;
  giveUpChange(turn, change, "no quorum goes on under the old and the new rules");
  turn.set({ progress: { ...turn.volatile.progress, demandedMs: turn.nowMs } });
  return true;
}

/** A look has had no answer for `ms`. Counted from when it was asked. */
export function onUnanswered(turn: Turn, ms: number): void {
  const { leading, progress, nowMs } = turn.volatile;
  if (leading === null || progress.silentSinceMs !== null) return;
  turn.set({ progress: { ...progress, silentSinceMs: nowMs - ms } });
}

export function onAnswered(turn: Turn): void {
  const { progress } = turn.volatile;
  if (progress.silentSinceMs !== null) turn.set({ progress: { ...progress, silentSinceMs: null } });
}

function stalled({ quorumLsn }: Leading, ms: number): string {
  return `no quorum has gone beyond ${formatLsn(quorumLsn)} for ${Math.round(ms)} ms`;
}

/** @param helpsItself tries what may do instead, and says whether there was anything. */
function yieldIfOthersCan(
  turn: Turn,
  leading: Leading,
  why: string,
  helpsItself: (turn: Turn, leading: Leading) => boolean = () => false,
): void {
  const { progress, nowMs, election } = turn.volatile;
  const { detectMs, stallAgainMs } = turn.config.timings;
  // While elections are paused nobody would come after it.
  const stays = nowMs < progress.staysUntilMs || turn.durable.pause.paused;
  const successor = stays ? null : successorWithout(turn, leading);
  if (successor === null || helpsItself(turn, leading)) return;
  const notBeforeMs = nowMs + detectMs;
  turn.set({
    progress: {
      ...{ ...progress, demandedMs: null, silentSinceMs: null },
      ...{ yieldsUntilMs: notBeforeMs, staysUntilMs: nowMs + stallAgainMs },
    },
  });
  if (election.stage === "idle") turn.set({ election: { ...election, notBeforeMs } });
  stepDown(turn, `${why}, and ${successor} could lead`);
}

/**
 * Who would be elected if this node were not there: asked of the statuses, like every pre-vote. With its help only if all
 * who are heard are no quorum for itself: where quorums differ from leader to leader, they may be one for somebody else.
 */
function successorWithout(turn: Turn, leading: Leading): NodeId | null {
  const reason = { term: leading.term, leader: turn.self, firstHand: true, cause: "", sinceMs: turn.nowMs };
  const all = answersFromStatuses(turn.state(), reason);
  const elected = (answers: readonly Answer[]) => {
    const decision = decide(answers, turn.config.initial, byRank(turn.state()));
    return decision.ok && !decision.proposal.founding ? decision.proposal.candidate : null;
  };
  const without = elected(all.filter((a) => a.id !== turn.self));
  const voters = all.filter((a) => a.voter && leading.seats[a.id] === a.incarnation);
  const heard = new Set([turn.self, ...voters.map((a) => a.id)]);
  if (without !== null || satisfiedAll(seated(leading.obliged, leading.seats), turn.self, heard)) return without;
  return elected(all);
}
