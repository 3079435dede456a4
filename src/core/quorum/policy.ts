import { unreachable } from "../assert.js";
import type { CountingPolicy, Member, NodeId, Ruleset } from "../ruleset/ruleset.js";
import { memberOf } from "../ruleset/ruleset.js";

/**
 * The one definition of durability: *given this leader, does this set of nodes hold a copy?*
 * Everything else (acknowledgements, quorum LSN, elections, the compiled setting) asks it (I6).
 * It is monotone: a larger set never says no.
 */
export function satisfied(ruleset: Ruleset, leader: NodeId, holders: ReadonlySet<NodeId>): boolean {
  const member = memberOf(ruleset, leader);
  if (member?.eligible) return holders.has(leader) && quorumOf(ruleset, member, holders);
  // A leader that is no eligible member (it is being removed, or the ruleset is its predecessor's) needs
  // a quorum of some eligible member; its own copy does not count (DESIGN 4, hole H5).
  const others = new Set([...holders].filter((id) => id !== leader));
  return ruleset.cohort.some((m) => m.eligible && others.has(m.id) && quorumOf(ruleset, m, others));
}

/** How many copies, the leader's included, a policy asks of a cohort of this size. */
export function copiesNeeded(policy: CountingPolicy, cohortSize: number): number {
  switch (policy.kind) {
    case "majority":
      return Math.floor(cohortSize / 2) + 1;
    case "at_least":
      return policy.copies;
    default:
      return unreachable(policy);
  }
}

/** Counting policies do not look at who leads. A set that names no member is never whole: seats may be gone (seats.ts). */
function quorumOf(ruleset: Ruleset, leader: Member, holders: ReadonlySet<NodeId>): boolean {
  const { policy } = ruleset;
  if (policy.kind === "per_leader") {
    const holds = (id: NodeId) => holders.has(id) && memberOf(ruleset, id) !== undefined;
    return (policy.quorums[leader.id] ?? []).some((set) => set.every(holds));
  }
  let copies = 0;
  for (const member of ruleset.cohort) if (holders.has(member.id)) copies++;
  return copies >= copiesNeeded(policy, ruleset.cohort.length);
}

/** Whether the set satisfies every one of several rulesets: the joint rule. */
export function satisfiedAll(rulesets: readonly Ruleset[], leader: NodeId, holders: ReadonlySet<NodeId>): boolean {
  return rulesets.every((ruleset) => satisfied(ruleset, leader, holders));
}
