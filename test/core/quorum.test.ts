import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { followersOf, minimalQuorums } from "../../src/core/quorum/minimal_quorums.js";
import { satisfied, satisfiedAll } from "../../src/core/quorum/policy.js";
import { quorumLsn } from "../../src/core/quorum/quorum_lsn.js";
import { carries, missingFor, revokes, subsetsOfSize, suffices } from "../../src/core/quorum/sufficiency.js";
import { anyRuleset, everyRuleset, everySubset, holdsCopy, ids } from "./rulesets.js";

const SIZES = [1, 2, 3, 4, 5, 6];

describe("a policy, over every cohort of at most six", () => {
  it("says what counting says, also for leaders that are no eligible member", () => {
    for (const ruleset of SIZES.slice(0, 5).flatMap((n) => everyRuleset(n)))
      for (const leader of [...ids(ruleset), "stranger"])
        for (const set of everySubset([...ids(ruleset), "stranger"]))
          if (satisfied(ruleset, leader, new Set(set)) !== holdsCopy(ruleset, leader, set))
            expect.unreachable(`${JSON.stringify(ruleset)} ${leader} ${set}`);
  });

  it("is monotone: a larger set never says no", () => {
    for (const ruleset of SIZES.slice(0, 5).flatMap((n) => everyRuleset(n)))
      for (const leader of [...ids(ruleset), "stranger"])
        for (const set of everySubset(ids(ruleset))) {
          if (!satisfied(ruleset, leader, new Set(set))) continue;
          for (const more of [...ids(ruleset), "stranger"])
            if (!satisfied(ruleset, leader, new Set([...set, more]))) expect.unreachable(`${more} spoils ${set}`);
        }
  });
});

describe("the quorum LSN", () => {
  const flushed = fc.uniqueArray(fc.tuple(fc.nat(6), fc.bigInt(0n, 5n)), { selector: ([n]) => n, maxLength: 7 });

  it("is the highest LSN that a satisfying set has flushed", () => {
    fc.assert(
      fc.property(
        fc.array(anyRuleset, { minLength: 1, maxLength: 3 }),
        fc.nat(6),
        flushed,
        (rulesets, leader, seen) => {
          const map = new Map(seen.map(([n, lsn]) => [`n${n}`, lsn] as const));
          let best = 0n;
          for (const lsn of map.values()) {
            const holders = [...map].filter(([, at]) => at >= lsn).map(([id]) => id);
            if (rulesets.every((r) => holdsCopy(r, `n${leader}`, holders)) && lsn > best) best = lsn;
          }
          expect(quorumLsn(rulesets, `n${leader}`, map)).toBe(best);
        },
      ),
      { numRuns: 2000 },
    );
  });

  it("never falls when somebody flushes more", () => {
    fc.assert(
      fc.property(anyRuleset, flushed, fc.nat(6), fc.bigInt(0n, 9n), (ruleset, seen, who, more) => {
        const before = new Map(seen.map(([n, lsn]) => [`n${n}`, lsn] as const));
        const after = new Map(before).set(`n${who}`, (before.get(`n${who}`) ?? 0n) + more);
        const leader = ids(ruleset)[0] ?? "";
        expect(quorumLsn([ruleset], leader, after) >= quorumLsn([ruleset], leader, before)).toBe(true);
      }),
    );
  });
});

/** Straight from the words of DESIGN 2: nobody left over can lead those left over. */
function revokesByHand(ruleset: Parameters<typeof revokes>[0], recruited: readonly string[]): boolean {
  const left = ids(ruleset).filter((id) => !recruited.includes(id));
  for (const quorum of everySubset(left))
    for (const member of ruleset.cohort)
      if (member.eligible && quorum.includes(member.id) && holdsCopy(ruleset, member.id, quorum)) return false;
  return true;
}

describe("a recruitment, over every cohort of at most six, every policy, every mix of eligibility", () => {
  it("revokes exactly if no quorum is left over", () => {
    for (const ruleset of SIZES.slice(0, 5).flatMap((n) => everyRuleset(n)))
      for (const set of everySubset(ids(ruleset)))
        if (revokes(ruleset, new Set(set)) !== revokesByHand(ruleset, set))
          expect.unreachable(`${JSON.stringify(ruleset)} ${set}`);
  });

  it("carries a candidate exactly if it contains it and a quorum for it", () => {
    for (const ruleset of SIZES.slice(0, 4).flatMap((n) => everyRuleset(n)))
      for (const set of everySubset(ids(ruleset)))
        for (const candidate of [...ids(ruleset), "stranger"])
          expect(carries(ruleset, new Set(set), candidate)).toBe(
            set.includes(candidate) && holdsCopy(ruleset, candidate, set),
          );
  });

  it("shares a node with every other one that suffices: a term has one winner", () => {
    for (const ruleset of SIZES.flatMap((n) => everyRuleset(n, n < 5 ? "mixed" : "all"))) {
      const winners = everySubset(ids(ruleset)).filter((set) =>
        set.some((candidate) => suffices([ruleset], new Set(set), candidate)),
      );
      for (const a of winners)
        for (const b of winners)
          if (!a.some((id) => b.includes(id)))
            expect.unreachable(`{${a}} and {${b}} both win under ${JSON.stringify(ruleset)}`);
    }
  });

  it("shares one also when both had to satisfy a common ruleset among several", () => {
    fc.assert(
      fc.property(anyRuleset, anyRuleset, anyRuleset, (common, first, second) => {
        const everybody = [...new Set([common, first, second].flatMap(ids))];
        const winners = (rulesets: Parameters<typeof suffices>[0]) =>
          everySubset(everybody).filter((set) => set.some((candidate) => suffices(rulesets, new Set(set), candidate)));
        for (const a of winners([common, first]))
          for (const b of winners([common, second])) expect(a.some((id) => b.includes(id))).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it("meets every quorum that an earlier leader may have acknowledged with", () => {
    for (const ruleset of SIZES.slice(0, 5).flatMap((n) => everyRuleset(n)))
      for (const set of everySubset(ids(ruleset))) {
        if (!revokes(ruleset, new Set(set))) continue;
        for (const { id, eligible } of ruleset.cohort) {
          if (!eligible) continue;
          for (const quorum of everySubset(ids(ruleset)))
            if (holdsCopy(ruleset, id, quorum) && !quorum.some((q) => set.includes(q)))
              expect.unreachable(`{${set}} misses {${quorum}}`);
        }
      }
  });

  it("names the smallest additions that would do, and only those", () => {
    fc.assert(
      fc.property(anyRuleset, fc.nat(127), (ruleset, mask) => {
        const have = ids(ruleset).filter((_, i) => (mask & (1 << i)) !== 0);
        const wins = (set: readonly string[]) => set.some((c) => suffices([ruleset], new Set(set), c));
        const additions = everySubset(ids(ruleset).filter((id) => !have.includes(id))).filter((a) =>
          wins([...have, ...a]),
        );
        const least = Math.min(...additions.map((a) => a.length));
        const expected = additions.filter((a) => a.length === least).map((a) => a.join());
        expect(
          missingFor([ruleset], new Set(have))
            .map((a) => a.join())
            .sort(),
        ).toEqual(expected.sort());
      }),
    );
  });
});

describe("minimal quorums", () => {
  it("are exactly the satisfying sets of followers without a smaller one inside", () => {
    fc.assert(
      fc.property(fc.array(anyRuleset, { minLength: 1, maxLength: 2 }), fc.nat(6), (rulesets, n) => {
        const leader = `n${n}`;
        const followers = followersOf(rulesets, leader);
        const satisfying = everySubset(followers).filter((set) =>
          satisfiedAll(rulesets, leader, new Set([leader, ...set])),
        );
        const minimal = satisfying.filter(
          (set) => !satisfying.some((other) => other.length < set.length && other.every((id) => set.includes(id))),
        );
        const text = (sets: readonly string[][]) => sets.map((s) => s.join()).sort();
        expect(text(minimalQuorums(rulesets, leader))).toEqual(text(minimal));
      }),
      { numRuns: 300 },
    );
  });

  it("followers are everybody but the leader, once, sorted", () => {
    fc.assert(
      fc.property(fc.array(anyRuleset, { maxLength: 3 }), fc.nat(6), (rulesets, n) => {
        const expected = new Set(rulesets.flatMap(ids));
        expected.delete(`n${n}`);
        expect(followersOf(rulesets, `n${n}`)).toEqual([...expected].sort());
      }),
    );
  });

  it("subsets of a size: each once", () => {
    for (let size = 0; size <= 5; size++) {
      const all = subsetsOfSize(["a", "b", "c", "d", "e"], size).map((s) => s.join());
      expect(all).toEqual([...new Set(all)]);
      expect(all.length).toBe([1, 5, 10, 10, 5, 1][size]);
    }
    expect(subsetsOfSize(["a"], 2)).toEqual([]);
  });
});
