import type { Ruleset } from "../../../src/core/ruleset/ruleset.js";
import { bitsOf } from "./every_cohort.js";

/**
 * DESIGN's sentences about quorums, word by word and without a thought for speed. Sets of nodes are bits. The only thing
 * it shares with the core is the type of a ruleset.
 */
export class Oracle {
  /** The members' bits. */
  readonly members: number;
  readonly eligible: readonly number[];
  private readonly ruleset: Ruleset;

  constructor(ruleset: Ruleset) {
    this.ruleset = ruleset;
    this.members = bitsOf(ruleset.cohort.map((m) => m.id));
    this.eligible = ruleset.cohort.filter((m) => m.eligible).map((m) => Number(m.id.slice(1)));
  }

  /** A quorum: a set of members that satisfies the policy for this eligible member, it included (DESIGN 2). */
  isQuorum(leader: number, set: number): boolean {
    if (!this.eligible.includes(leader) || !has(set, leader)) return false;
    const copies = count(set & this.members);
    const { policy } = this.ruleset;
    if (policy.kind === "per_leader") {
      const wanted = Object.entries(policy.quorums).flatMap(([id, sets]) =>
        id === `n${leader}` ? sets.map(bitsOf) : [],
      );
      return wanted.some((followers) => (followers & ~(set & this.members)) === 0);
    }
    return policy.kind === "majority" ? copies > count(this.members) - copies : copies >= policy.copies;
  }

  /**
   * Does this set hold a copy, for this leader? For one that is no eligible member, if it contains a quorum of some
   * eligible member; the leader's own copy does not count (DESIGN 4).
   */
  holds(leader: number, set: number): boolean {
    if (this.eligible.includes(leader)) return subsets(set).some((part) => this.isQuorum(leader, part));
    return subsets(set & ~(1 << leader)).some((part) => this.eligible.some((m) => this.isQuorum(m, part)));
  }

  /** No eligible leader outside R could form a quorum from nodes outside R (DESIGN 5.3). */
  revokes(recruited: number): boolean {
    const outside = this.members & ~recruited;
    return !this.eligible.some((m) => has(outside, m) && subsets(outside).some((part) => this.isQuorum(m, part)));
  }

  /** R contains the very node to be promoted and a quorum for it (DESIGN 5.3). */
  carries(recruited: number, candidate: number): boolean {
    return has(recruited, candidate) && this.holds(candidate, recruited);
  }

  suffices(recruited: number, candidate: number): boolean {
    return this.revokes(recruited) && this.carries(recruited, candidate);
  }
}

/** What Postgres releases a commit on under `ANY need (followers)`. */
export function released(need: number, followers: number, acknowledged: number): boolean {
  return count(followers & acknowledged) >= need;
}

const SUBSETS = new Map<number, number[]>();

export function subsets(set: number): number[] {
  const known = SUBSETS.get(set);
  if (known !== undefined) return known;
  const all: number[] = [];
  for (let part = 0; part <= set; part++) if ((part & ~set) === 0) all.push(part);
  SUBSETS.set(set, all);
  return all;
}

export function has(set: number, node: number): boolean {
  return (set & (1 << node)) !== 0;
}

export function count(set: number): number {
  let n = 0;
  for (let rest = set; rest > 0; rest >>= 1) n += rest & 1;
  return n;
}
