/** Why a leader itself wants another term: its own cannot go on. It is sure of that, so nobody has to corroborate it. */
import { isFresh } from "../detector/detector.js";
import { waitsForQuorum } from "../leader/waiting.js";
import { establishWithinMs } from "../lease/bounds.js";
import { awaitedMs } from "../lease/holding.js";
import { suffices } from "../quorum/sufficiency.js";
import { seated } from "../ruleset/seats.js";
import type { Leading, Suspicion } from "../state.js";
import type { Turn } from "../turn.js";

export function ownTermIsOver(turn: Turn): Suspicion | null {
  const { leading } = turn.volatile;
  if (leading === null || leading.stage === "promoting") return null;
  return refusedByAMember(turn, leading) ?? neverEstablished(turn, leading) ?? marksInVain(turn, leading);
}

/**
 * A member has promised a higher term: it refuses this leader for good, so a higher term is won (DESIGN 5). Before the
 * leader is established as well: it may be the only one with a log, and then nobody else could win one.
 */
function refusedByAMember(turn: Turn, leading: Leading): Suspicion | null {
  if (leading.refusedSinceMs === null || turn.nowMs - leading.refusedSinceMs < turn.config.timings.detectMs)
    return null;
  return over(
    turn,
    leading,
    leading.refusedSinceMs,
    `a member has promised a term above ${leading.term} and refuses this one`,
  );
}

/**
 * Those it was recruited with are gone, and others might do: in rules that do not let it lead its copy does not count, so
 * it may need nodes that another candidate would not. The others suspect it as well, but cannot do without its answer.
 */
function neverEstablished(turn: Turn, leading: Leading): Suspicion | null {
  if (leading.stage === "established") return null;
  const { timings } = turn.config;
  const withinMs = leading.request.founding ? timings.foundMs : establishWithinMs(timings, awaitedMs(turn));
  const sinceMs = leading.startedMs + withinMs;
  if (turn.nowMs < sinceMs || isCloned(turn, leading)) return null;
  return over(turn, leading, sinceMs, `term ${leading.term} was not established in time`);
}

/** It waits for a clone, which takes as long as the data is large. */
function isCloned(turn: Turn, leading: Leading): boolean {
  const state = turn.state();
  return Object.values(turn.volatile.peers).some(
    (peer) => isFresh(state, peer) && peer.status.postgres === "cloning" && peer.status.term === leading.term,
  );
}

/**
 * A ruleset is marked decided, and those whom the rules before it need are gone: a mark is never taken back, and without
 * them this leader may not let the old rules go. Who is elected by a log with the mark need not ask them, and those who
 * stream and have it are enough for that.
 */
function marksInVain(turn: Turn, leading: Leading): Suspicion | null {
  const mark = undurableMark(turn, leading);
  if (mark === null || turn.nowMs < mark.untilMs || waitsForQuorum(turn) === null) return null;
  const having = Object.entries(leading.senders).filter(([, sender]) => sender.flushLsn >= mark.lsn);
  const there = new Set([turn.self, ...having.map(([id]) => id)]);
  const rules = seated([mark.ruleset], leading.seats);
  if (![...there].some((candidate) => suffices(rules, there, candidate))) return null;
  return over(turn, leading, mark.untilMs, "the rules before those marked decided cannot be satisfied any more");
}

function undurableMark(turn: Turn, { change, mark, establishedMs, ruleset }: Leading) {
  if (change?.stage === "marked" && change.markedLsn !== null)
    return { lsn: change.markedLsn, ruleset: change.target, untilMs: change.untilMs };
  if (typeof mark !== "bigint" || establishedMs === null) return null;
  return { lsn: mark, ruleset, untilMs: establishedMs + turn.config.timings.changeMs };
}

function over(turn: Turn, leading: Leading, sinceMs: number, cause: string): Suspicion {
  return { term: leading.term, leader: turn.self, firstHand: true, cause, sinceMs };
}
