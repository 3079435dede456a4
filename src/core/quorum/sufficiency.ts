import type { NodeId, Ruleset } from "../ruleset/ruleset.js";
import { satisfied } from "./policy.js";

/**
 * Revocation: no eligible leader outside `recruited` could form a quorum from nodes outside it.
 * The nodes left over are every member that has not promised, so whoever led them is powerless.
 */
export function revokes(ruleset: Ruleset, recruited: ReadonlySet<NodeId>): boolean {
  const leftOver = new Set(ruleset.cohort.map((m) => m.id).filter((id) => !recruited.has(id)));
  return !ruleset.cohort.some((m) => m.eligible && leftOver.has(m.id) && satisfied(ruleset, m.id, leftOver));
}

/** Candidacy: `recruited` contains the very node to be promoted and a quorum for it. */
export function carries(ruleset: Ruleset, recruited: ReadonlySet<NodeId>, candidate: NodeId): boolean {
  return recruited.has(candidate) && satisfied(ruleset, candidate, recruited);
}

/**
 * Whether a recruitment lets `candidate` be promoted: revocation and candidacy under *each* ruleset it is obliged to.
 * The newest alone is not enough (holes H1, H2).
 */
export function suffices(rulesets: readonly Ruleset[], recruited: ReadonlySet<NodeId>, candidate: NodeId): boolean {
  return rulesets.every((ruleset) => revokes(ruleset, recruited) && carries(ruleset, recruited, candidate));
}

/**
 * The smallest additions that would let someone in `recruited ∪ addition` be promoted: what to tell the operator.
 * Every minimal addition of the lowest size; empty if no set of members would do.
 */
export function missingFor(rulesets: readonly Ruleset[], recruited: ReadonlySet<NodeId>): NodeId[][] {
  const members = [...new Set(rulesets.flatMap((r) => r.cohort.map((m) => m.id)))].sort();
  const absent = members.filter((id) => !recruited.has(id));
  for (let size = 0; size <= absent.length; size++) {
    const found = subsetsOfSize(absent, size).filter((addition) => {
      const all = new Set([...recruited, ...addition]);
      return [...all].some((candidate) => suffices(rulesets, all, candidate));
    });
    if (found.length > 0) return found;
  }
  return [];
}

/** All subsets with exactly `size` elements, in the order of `items`. */
export function subsetsOfSize<T>(items: readonly T[], size: number): T[][] {
  if (size === 0) return [[]];
  const all: T[][] = [];
  for (const [i, first] of items.entries()) {
    for (const rest of subsetsOfSize(items.slice(i + 1), size - 1)) all.push([first, ...rest]);
  }
  return all;
}
