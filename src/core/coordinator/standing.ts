import { corroborates, isFresh } from "../detector/detector.js";
import { isDoubted } from "../detector/peers.js";
import { TERM_NONE } from "../log/position.js";
import type { NodeStatus } from "../messages.js";
import { foundingText } from "../ruleset/founding.js";
import { mayCoordinate, rulesKnown } from "../ruleset/membership.js";
import type { NodeId } from "../ruleset/ruleset.js";
import type { State, Suspicion } from "../state.js";
import { hasVote } from "../state.js";
import { postgresState } from "../status.js";
import type { Answer } from "./decide.js";

/**
 * What a recruitment would probably answer, from statuses alone: the pre-vote touches nobody.
 * For second-hand silence only nodes count that hear nothing either: one cut link must not depose a leader.
 */
export function answersFromStatuses(state: State, reason: Suspicion): Answer[] {
  const { volatile, durable, config } = state;
  const answers: Answer[] = [];
  if (
    volatile.postgres.data === "absent" ||
    volatile.postgres.position.timeline !== TERM_NONE ||
    durable.founding > TERM_NONE
  ) {
    answers.push({
      id: config.self,
      incarnation: durable.incarnation,
      position: volatile.postgres.position,
      rulesets: volatile.postgres.rulesets,
      voter: hasVote(state),
      systemIdentifier: durable.systemIdentifier,
      initial: foundingText(state),
    });
  }
  for (const [id, peer] of Object.entries(volatile.peers)) {
    if (!isFresh(state, peer) || peer.status.postgres === "starting") continue;
    const { status } = peer;
    if (!reason.firstHand && !corroborates(status.suspects, reason)) continue;
    if (hasLaterLeader(status, reason)) continue;
    answers.push({
      id,
      incarnation: status.incarnation,
      position: status.position,
      rulesets: status.rulesets,
      voter: !isDoubted(peer),
      systemIdentifier: status.systemIdentifier,
      initial: status.initial,
    });
  }
  return answers;
}

/** What is over is a term that it left: it leads or follows under a later one and sees nothing wrong with that. */
function hasLaterLeader({ role, term, suspects }: NodeStatus, reason: Suspicion): boolean {
  return reason.term > TERM_NONE && role !== "none" && term > reason.term && suspects === TERM_NONE;
}

/** Who should coordinate, and lead among equals: who is best placed first, then the name. All nodes judge by the same word. */
export function byRank(state: State): (a: NodeId, b: NodeId) => number {
  const own = { systemIdentifier: state.durable.systemIdentifier, postgres: postgresState(state) };
  const standing = (id: NodeId) => {
    if (id === state.config.self) return standingOf(own);
    const peer = state.volatile.peers[id];
    return isFresh(state, peer) ? standingOf(peer.status) : 0;
  };
  return (a, b) => standing(b) - standing(a) || (a < b ? -1 : a > b ? 1 : 0);
}

/** 2: a Postgres that runs, or a node that never had one. 1: busy with a clone, its old data at hand. 0: down. */
function standingOf(status: Pick<NodeStatus, "postgres" | "systemIdentifier">): 0 | 1 | 2 {
  if (status.postgres === "running") return 2;
  if (status.systemIdentifier === null && status.postgres === "stopped") return 2;
  return status.postgres === "cloning" ? 1 : 0;
}

/** Answers a recruitment at once, without starting a Postgres first. */
export function isUp(status: NodeStatus): boolean {
  return standingOf(status) > 0;
}

/** How many live nodes come before this one: each waits that many rank delays, so that coordinators do not duel. */
export function rankOf(state: State): number {
  const ids = [state.config.self];
  const rules = rulesKnown(state);
  for (const [id, peer] of Object.entries(state.volatile.peers))
    if (isFresh(state, peer) && peer.status.voter && mayCoordinate(state, id, peer.status.incarnation, rules))
      ids.push(id);
  return ids.sort(byRank(state)).indexOf(state.config.self);
}
