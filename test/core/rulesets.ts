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

/** A ruleset over some of n0 to n6, with any policy over its cohort. */
export const anyRuleset: fc.Arbitrary<Ruleset> = fc
  .tuple(
    fc.uniqueArray(fc.nat(6), { minLength: 1, maxLength: 5 }),
    fc.nat(7),
    fc.nat(31),
    fc.infiniteStream(fc.nat(31)),
  )
  .map(([members, copies, eligible, draws]) => ({
    policy: policyOver(members.map((n) => `n${n}`).sort(), copies, draws),
    cohort: [...members].sort().map((n, i) => member(`n${n}`, (eligible & (1 << i)) !== 0 || i === 0)),
  }));

function policyOver(members: readonly string[], copies: number, draws: Iterator<number>): Policy {
  if (copies === 0) return { kind: "majority" };
  if (copies <= 5) return { kind: "at_least", copies: Math.min(copies, members.length) };
  const drawn = () => Number(draws.next().value ?? 0);
  const set = (leader: string) => {
    const mask = drawn();
    return members.filter((id, i) => id !== leader && (mask & (1 << i)) !== 0);
  };
  const quorums = members.map((leader) => [leader, Array.from({ length: drawn() % 4 }, () => set(leader))] as const);
  return { kind: "per_leader", quorums: Object.fromEntries(quorums) };
}

/** The dumb oracle: how many copies a policy wants, by counting on fingers. */
export function enough(ruleset: Ruleset, holders: readonly string[], leader: string): boolean {
  const { policy } = ruleset;
  const held = ids(ruleset).filter((id) => holders.includes(id));
  if (policy.kind === "per_leader")
    return policy.quorums[leader]?.some((set) => set.filter((id) => !held.includes(id)).length === 0) === true;
  return policy.kind === "majority" ? held.length * 2 > ruleset.cohort.length : held.length >= policy.copies;
}

/** The dumb oracle: does this set hold a copy for this leader? */
export function holdsCopy(ruleset: Ruleset, leader: string, holders: readonly string[]): boolean {
  const eligible = ruleset.cohort.filter((m) => m.eligible).map((m) => m.id);
  if (eligible.includes(leader)) return holders.includes(leader) && enough(ruleset, holders, leader);
  const others = holders.filter((id) => id !== leader);
  return eligible.some((id) => others.includes(id) && enough(ruleset, others, id));
}
