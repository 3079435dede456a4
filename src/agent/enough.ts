import type { Blocked } from "../core/messages.js";
import { followersOf } from "../core/quorum/minimal_quorums.js";
import { satisfiedAll } from "../core/quorum/policy.js";
import { missingFor, subsetsOfSize } from "../core/quorum/sufficiency.js";
import type { InForce } from "../core/ruleset/in_force.js";
import type { NodeId } from "../core/ruleset/ruleset.js";

export interface EnoughOptions {
  readonly blocked: Blocked;
  /** Undefined before the cluster exists. */
  readonly rules: InForce | undefined;
  readonly leader: NodeId | null;
  /** Whose copies and votes count now. */
  readonly there: ReadonlySet<NodeId>;
}

/** The smallest sets of nodes each of which would be enough to go on if it came back; empty where nodes are not what is missing. */
export function enoughToGoOn({ blocked, rules, leader, there }: EnoughOptions): NodeId[][] {
  if (rules === undefined) return blocked.missing.length === 0 ? [] : [[...blocked.missing]];
  if (blocked.code === "not_enough") return missingFor(rules.all, there);
  if (blocked.code !== "no_quorum" || leader === null) return [];
  const connected = new Set([leader, ...there]);
  const absent = followersOf(rules.obliged, leader).filter((id) => !connected.has(id));
  for (let size = 1; size <= absent.length; size++) {
    const sets = subsetsOfSize(absent, size).filter((more) =>
      satisfiedAll(rules.obliged, leader, new Set([...connected, ...more])),
    );
    if (sets.length > 0) return sets;
  }
  return [];
}

/** The largest sets of followers without which a leader still has its quorum: commits do not even wait. */
export function spareFollowers(rules: InForce, leader: NodeId, alive: readonly NodeId[]): NodeId[][] {
  const followers = alive.filter((id) => id !== leader);
  for (let size = followers.length; size > 0; size--) {
    const sets = subsetsOfSize(followers, size).filter((lost) =>
      satisfiedAll(rules.obliged, leader, new Set([leader, ...followers.filter((id) => !lost.includes(id))])),
    );
    if (sets.length > 0) return sets;
  }
  return [];
}
