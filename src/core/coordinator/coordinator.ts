/**
 * The coordinator: one change of leadership.
 *
 * idle → (suspicion, pre-vote on statuses) → recruiting a term → (enough answers, choice) → catching up, if the newest log
 * lies on a node that cannot lead → promoting its candidate → idle. A term is used up only by being outbid, by losing the attempt's identity, or by a `Promote` that was sent:
 * with too few answers it asks again under the same term.
 */
import { isFresh } from "../detector/detector.js";
import { stepDown } from "../leader/office.js";
import { waitsForQuorum } from "../leader/waiting.js";
import { TERM_NONE } from "../log/position.js";
import type { Blocked } from "../messages.js";
import type { Suspicion } from "../state.js";
import { hasVote } from "../state.js";
import type { Turn } from "../turn.js";
import { goOnCatchingUp } from "./catching_up.js";
import { decideAgain } from "./decide_again.js";
import type { Election } from "./election.js";
import { orderedElection, wishOf } from "./mandate.js";
import { ownTermIsOver } from "./own_term.js";
import { goOnPromoting } from "./promoting.js";
import { begin, goOnRecruiting } from "./recruiting.js";
import { answersFromStatuses, rankOf } from "./standing.js";
import { highestTerm } from "./term.js";

/** Called after every event: starts, goes on with, or ends a change of leadership. */
export function coordinate(turn: Turn): void {
  const { election } = turn.volatile;
  switch (election.stage) {
    case "idle":
      return considerElection(turn, election);
    case "recruiting":
      return goOnRecruiting(turn, election);
    case "catching_up":
      return goOnCatchingUp(turn, election);
    case "promoting":
      return goOnPromoting(turn, election);
  }
}

function considerElection(turn: Turn, idle: Extract<Election, { stage: "idle" }>): void {
  const ordered = orderedElection(turn);
  const seen = reasonToElect(turn);
  if (turn.durable.pause.paused && ordered === null && seen !== null) return holdBack(turn, seen);
  const reason = ordered ?? seen;
  if (reason === null) {
    sayWhoIsMissing(turn);
    if (turn.volatile.possibleSinceMs !== null) turn.set({ possibleSinceMs: null });
    if (idle.fruitless > 0 && turn.volatile.leaderSeenMs === turn.nowMs)
      turn.set({ election: { ...idle, fruitless: 0 } });
    return;
  }
  if (turn.volatile.stopping || !hasVote(turn)) return;
  const { fits, prefer } = wishOf(turn);
  const decision = decideAgain(turn.config, answersFromStatuses(turn.state(), reason), prefer, [], fits);
  if (!decision.ok) {
    turn.set({ blocked: decision.blocked, possibleSinceMs: null });
    noteBlocked(turn, decision.blocked, reason);
    return;
  }
  // Counted from when it became possible: else all who were blocked would start in the same moment.
  const possibleSinceMs = turn.volatile.possibleSinceMs ?? turn.nowMs;
  turn.set({ blocked: null, possibleSinceMs });
  const ranks = ordered === null ? rankOf(turn.state()) : 0;
  const own = Math.max(reason.sinceMs, possibleSinceMs) + ranks * turn.config.timings.rankDelayMs;
  if (turn.nowMs < idle.notBeforeMs || turn.nowMs < own) return;
  if (turn.volatile.outside && reason.leader === turn.self)
    return stepDown(turn, `${reason.cause}: those whom the rules in force name elect without it`);
  if (turn.volatile.outside || someoneElects(turn)) return;
  begin(turn, reason, idle.fruitless);
}

/** Silence that nobody corroborates does not hide that this leader's own term is over: that is first-hand. */
function reasonToElect(turn: Turn): Suspicion | null {
  const { suspicion } = turn.volatile;
  return suspicion?.firstHand === true ? suspicion : (ownTermIsOver(turn) ?? suspicion);
}

/** Elections are paused: what this node sees is only shown. */
function holdBack(turn: Turn, reason: Suspicion): void {
  const { by } = turn.durable.pause;
  const blocked: Blocked = {
    code: "paused",
    reason: `${reason.cause}; but elections are paused, by an order given to ${by}`,
    missing: [],
    nextStep: "quorate resume lets the nodes elect; quorate failover makes them elect once",
  };
  turn.set({ blocked, possibleSinceMs: null });
  noteBlocked(turn, blocked, reason);
}

/** Nobody needs another leader; but this one may be waiting for its followers. */
function sayWhoIsMissing(turn: Turn): void {
  const { blocked } = turn.volatile;
  const waits = waitsForQuorum(turn);
  if (waits === null && blocked === null) return;
  if (waits?.code === blocked?.code && waits?.missing.join() === blocked?.missing.join()) return;
  turn.set({ blocked: waits });
  if (waits !== null)
    turn.note("warn", "blocked_no_quorum", `${waits.reason}; next: ${waits.nextStep}`, { missing: waits.missing });
}

/** Once for each cause, and not before the others had time to say what they see. */
function noteBlocked(turn: Turn, blocked: Blocked, reason: Suspicion): void {
  const key = `${reason.term}/${blocked.code}/${blocked.missing.join()}`;
  if (key === turn.volatile.blockedNoted || turn.nowMs - reason.sinceMs < 2 * turn.config.timings.heartbeatMs) return;
  turn.set({ blockedNoted: key });
  turn.note("warn", `blocked_${blocked.code}`, `${blocked.reason}; next: ${blocked.nextStep}`, {
    missing: blocked.missing,
  });
}

/**
 * Another coordinator is at work; two at once would only outbid one another. One that has been at it for long without
 * success may see less of the cluster than this node does.
 */
function someoneElects(turn: Turn): boolean {
  const state = turn.state();
  const seen = highestTerm(turn);
  const patienceMs = 2 * turn.config.timings.detectMs;
  return Object.values(turn.volatile.peers).some(
    (peer) =>
      isFresh(state, peer) &&
      peer.status.electing > TERM_NONE &&
      peer.status.electing >= seen &&
      turn.nowMs - peer.electingSinceMs < patienceMs,
  );
}
