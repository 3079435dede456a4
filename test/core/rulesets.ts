import fc from "fast-check";
import type { Member, Policy, Ruleset } from "../../src/core/ruleset/ruleset.js";

/** Cohorts of up to six, every counting policy, every mix of eligibility: small enough to try them all. */
export function everyRuleset(size: number, eligibilities: "all" | "mixed" = "mixed", first = 0): Ruleset[] {
  const policies: Policy[] = [{ kind: "majority" }];
  for (let copies = 1; copies <= size; copies++) policies.push({ kind: "at_least", copies });
  const masks = eligibilities === "all" ? [2 ** size - 1] : Array.from({ length: 2 ** size }, (_, mask) => mask);
  return policies.flatMap((policy) => masks.map((mask) => ({ policy, cohort: cohort(size, mask, first) })));
}

function cohort(size: number, eligible: number, first: number): Member[] {
  return Array.from({ length: size }, (_, i) => member(`n${first + i}`, (eligible & (1 << i)) !== 0));
}

export function member(id: string, eligible = true): Member {
  return { id, incarnation: `${id}-a`, labels: {}, eligible };
}

export function everySubset<T>(items: readonly T[]): T[][] {
  return Array.from({ length: 2 ** items.length }, (_, mask) => items.filter((_, i) => (mask & (1 << i)) !== 0));
}

export const ids = (ruleset: Ruleset) => ruleset.cohort.map((m) => m.id);

/** A ruleset over some of n0 to n6, with any policy that the cohort can satisfy. */
export const anyRuleset: fc.Arbitrary<Ruleset> = fc
  .tuple(fc.uniqueArray(fc.nat(6), { minLength: 1, maxLength: 5 }), fc.nat(5), fc.nat(31))
  .map(([members, copies, eligible]) => ({
    policy:
      copies === 0
        ? ({ kind: "majority" } as const)
        : ({ kind: "at_least", copies: Math.min(copies, members.length) } as const),
    cohort: [...members].sort().map((n, i) => member(`n${n}`, (eligible & (1 << i)) !== 0 || i === 0)),
  }));

/** The dumb oracle: how many copies a policy wants, by counting on fingers. */
export function enough(ruleset: Ruleset, holders: readonly string[]): boolean {
  const held = ids(ruleset).filter((id) => holders.includes(id)).length;
  return ruleset.policy.kind === "majority" ? held * 2 > ruleset.cohort.length : held >= ruleset.policy.copies;
}

/** The dumb oracle: does this set hold a copy for this leader? */
export function holdsCopy(ruleset: Ruleset, leader: string, holders: readonly string[]): boolean {
  const eligible = ruleset.cohort.filter((m) => m.eligible).map((m) => m.id);
  if (eligible.includes(leader)) return holders.includes(leader) && enough(ruleset, holders);
  const others = holders.filter((id) => id !== leader);
  return eligible.some((id) => others.includes(id)) && enough(ruleset, others);
}
