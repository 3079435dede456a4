import type { NodeId, Ruleset } from "../ruleset/ruleset.js";
import { isGone } from "../ruleset/seats.js";
import { satisfiedAll } from "./policy.js";
import { subsetsOfSize } from "./sufficiency.js";

/**
 * The minimal sets of followers that, with the leader, satisfy every ruleset given.
 * An empty list: no set does. A list with the empty set: the leader alone is enough.
 */
export function minimalQuorums(rulesets: readonly Ruleset[], leader: NodeId): NodeId[][] {
  const followers = followersOf(rulesets, leader);
  const minimal: NodeId[][] = [];
  for (let size = 0; size <= followers.length; size++) {
    for (const set of subsetsOfSize(followers, size)) {
      const covered = minimal.some((m) => m.every((id) => set.includes(id)));
      if (!covered && satisfiedAll(rulesets, leader, new Set([leader, ...set]))) minimal.push(set);
    }
  }
  return minimal;
}

/** Every member but the leader, and but those whose name another incarnation has taken, sorted. */
export function followersOf(rulesets: readonly Ruleset[], leader: NodeId): NodeId[] {
  const ids = new Set<NodeId>();
  for (const { cohort } of rulesets) for (const { id } of cohort) if (id !== leader && !isGone(id)) ids.add(id);
  return [...ids].sort();
}
