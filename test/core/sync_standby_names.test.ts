import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { followersOf, minimalQuorums } from "../../src/core/quorum/minimal_quorums.js";
import type { NativeRule } from "../../src/core/quorum/sync_standby_names.js";
import { compileExactly, compileNative, formatNames } from "../../src/core/quorum/sync_standby_names.js";
import type { Ruleset } from "../../src/core/ruleset/ruleset.js";
import { anyRuleset, everyRuleset, everySubset, holdsCopy, ids } from "./rulesets.js";

/** What Postgres does with `ANY need (followers)`. */
function releases(rule: NativeRule, set: readonly string[]): boolean {
  return rule.followers.filter((id) => set.includes(id)).length >= rule.need;
}

function holdAll(rulesets: readonly Ruleset[], leader: string, set: readonly string[]): boolean {
  return rulesets.every((r) => holdsCopy(r, leader, [leader, ...set]));
}

const several = fc.array(anyRuleset, { minLength: 1, maxLength: 3 });

describe("synchronous_standby_names from rulesets", () => {
  it("an exact setting releases a commit on exactly the sets that satisfy the policy", () => {
    let compiled = 0;
    fc.assert(
      fc.property(several, fc.nat(6), (rulesets, n) => {
        const leader = `n${n}`;
        const result = compileExactly(rulesets, leader);
        if (!result.ok) return;
        compiled++;
        for (const set of everySubset(followersOf(rulesets, leader)))
          expect(releases(result.rule, set)).toBe(holdAll(rulesets, leader, set));
      }),
      { numRuns: 500 },
    );
    expect(compiled).toBeGreaterThan(50);
  });

  it("is refused only where no k of one set of followers says it", () => {
    fc.assert(
      fc.property(several, fc.nat(6), (rulesets, n) => {
        const leader = `n${n}`;
        if (compileExactly(rulesets, leader).ok) return;
        const followers = followersOf(rulesets, leader);
        const satisfying = (set: readonly string[]) => holdAll(rulesets, leader, set);
        for (const among of everySubset(followers))
          for (let need = 1; need <= among.length; need++) {
            const says = everySubset(followers).every(
              (set) => releases({ need, followers: among, exact: true }, set) === satisfying(set),
            );
            expect(says).toBe(false);
          }
      }),
      { numRuns: 150 },
    );
  });

  it("every set that a native setting releases satisfies every ruleset, and none is weaker than another that would do", () => {
    fc.assert(
      fc.property(several, fc.nat(6), (rulesets, n) => {
        const leader = `n${n}`;
        const followers = followersOf(rulesets, leader);
        const sets = everySubset(followers);
        const result = compileNative(rulesets, leader);
        const released = result.ok ? sets.filter((set) => releases(result.rule, set)) : [];
        for (const set of released) expect(holdAll(rulesets, leader, set)).toBe(true);
        for (const among of everySubset(followers))
          for (let need = 1; need <= among.length; need++) {
            const would = sets.filter((set) => releases({ need, followers: among, exact: false }, set));
            if (would.every((set) => holdAll(rulesets, leader, set)))
              expect(released.length).toBeGreaterThanOrEqual(would.length);
          }
      }),
      { numRuns: 150 },
    );
  });

  it("a native setting exists wherever all followers together satisfy the rulesets, unless the leader alone does", () => {
    fc.assert(
      fc.property(several, fc.nat(6), (rulesets, n) => {
        const leader = `n${n}`;
        const followers = followersOf(rulesets, leader);
        if (!holdAll(rulesets, leader, followers) || followers.length === 0) return;
        expect(compileNative(rulesets, leader).ok).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it("every counting policy of one ruleset compiles exactly for each eligible leader", () => {
    for (const ruleset of [2, 3, 4, 5, 6].flatMap((n) => everyRuleset(n, n < 5 ? "mixed" : "all")))
      for (const { id, eligible } of ruleset.cohort) {
        const alone = minimalQuorums([ruleset], id)[0]?.length === 0;
        const result = compileExactly([ruleset], id);
        if (eligible && !alone) expect(result).toMatchObject({ ok: true, rule: { exact: true } });
        // The names are never empty: a policy that the leader alone satisfies has no setting.
        if (alone) expect(result).toMatchObject({ ok: false });
        if (result.ok)
          expect(ids(ruleset).filter((f) => f !== id)).toEqual(expect.arrayContaining([...result.rule.followers]));
      }
  });

  it("is written in Postgres' grammar: a number, quoted names that carry the term, never empty", () => {
    const rule = { need: 2, followers: ["n-1", "n2", "db"], exact: true };
    expect(formatNames(rule, 7n)).toBe('ANY 2 ("n-1@7", "n2@7", "db@7")');
    fc.assert(
      fc.property(several, fc.nat(6), fc.bigInt(2n, (1n << 31n) - 1n), (rulesets, n, term) => {
        const result = compileNative(rulesets, `n${n}`);
        if (!result.ok) return;
        const text = formatNames(result.rule, term);
        expect(text).toMatch(/^ANY [1-9]\d* \("[a-z][a-z0-9-]*@\d+"(, "[a-z][a-z0-9-]*@\d+")*\)$/);
        const names = [...text.matchAll(/"([^"]+)"/g)].map((m) => m[1]);
        expect(new Set(names).size).toBe(names.length);
        expect(result.rule.need).toBeLessThanOrEqual(names.length);
        expect(names).not.toContain(`n${n}@${term}`);
      }),
    );
  });
});
