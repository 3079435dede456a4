import { isFresh } from "../detector/detector.js";
import type { NodeId } from "../ruleset/ruleset.js";
import type { Turn } from "../turn.js";
import type { Recruiting } from "./election.js";

/**
 * Everybody who may have a say: the cohorts of every ruleset learned, and of the configuration. What is only heard of
 * others' logs counts once the answers of these did not suffice: each node that is asked stops what it does.
 */
export function electorate(turn: Turn, election: Recruiting): NodeId[] {
  const logs = [turn.postgres.rulesets, ...Object.values(election.answers).map((a) => a.rulesets)];
  if (election.widened) {
    const state = turn.state();
    for (const peer of Object.values(turn.volatile.peers)) if (isFresh(state, peer)) logs.push(peer.status.rulesets);
  }
  const ids = new Set(turn.config.initial.nodes.map((n) => n.id));
  for (const log of logs)
    for (const record of log) for (const member of record.ruleset?.cohort ?? []) ids.add(member.id);
  return [...ids].sort();
}
