import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { holdMs, LEASE_DETECT_MIN_MS, lateMaxMs, leaseTimings } from "../../src/core/lease/bounds.js";
import { heldUntilMs } from "../../src/core/lease/holding.js";
import { blocks } from "../../src/core/quorum/blocking.js";
import type { Ruleset } from "../../src/core/ruleset/ruleset.js";
import { timingsFrom } from "../../src/core/timings.js";
import { anyRuleset, everyRuleset, everySubset, holdsCopy, ids } from "./rulesets.js";

const DETECT_MS = 3000;

/** The words of DESIGN 5.3, by trying everything: nobody left over can lead those left over, and a candidate has a quorum. */
function winsByHand(ruleset: Ruleset, recruited: readonly string[]): boolean {
  const left = ids(ruleset).filter((id) => !recruited.includes(id));
  const revoked = !everySubset(left).some((set) =>
    ruleset.cohort.some((m) => m.eligible && set.includes(m.id) && holdsCopy(ruleset, m.id, set)),
  );
  return revoked && recruited.some((candidate) => holdsCopy(ruleset, candidate, recruited));
}

describe("blocking, over every cohort of at most five, every policy, every mix of eligibility", () => {
  it("means that no part of the others can win an election", () => {
    for (const ruleset of [1, 2, 3, 4, 5].flatMap((n) => everyRuleset(n))) {
      const winners = everySubset(ids(ruleset)).filter((set) => winsByHand(ruleset, set));
      for (const refusing of everySubset(ids(ruleset))) {
        const free = winners.every((set) => set.some((id) => refusing.includes(id)));
        if (blocks(ruleset, new Set(refusing)) !== free)
          expect.unreachable(`{${refusing}} under ${JSON.stringify(ruleset)}`);
      }
    }
  });

  it("is monotone, and a stranger adds nothing", () => {
    fc.assert(
      fc.property(anyRuleset, fc.nat(127), fc.nat(6), (ruleset, mask, more) => {
        const set = ids(ruleset).filter((_, i) => (mask & (1 << i)) !== 0);
        const before = blocks(ruleset, new Set(set));
        expect(blocks(ruleset, new Set([...set, "stranger"]))).toBe(before);
        if (before) expect(blocks(ruleset, new Set([...set, `n${more}`]))).toBe(true);
      }),
    );
  });
});

describe("until when a leader holds its lease", () => {
  const grants = fc.uniqueArray(fc.tuple(fc.nat(6), fc.integer({ min: 1, max: 5 }), fc.boolean()), {
    selector: ([n]) => n,
    maxLength: 6,
  });

  it("is the last moment at which the grants that still run block every election, under each ruleset", () => {
    fc.assert(
      fc.property(fc.array(anyRuleset, { minLength: 1, maxLength: 3 }), fc.nat(6), grants, (rulesets, self, given) => {
        const leader = { id: `n${self}`, incarnation: `n${self}-a` };
        const held = Object.fromEntries(
          given.map(([n, untilMs, wiped]) => [`n${n}`, { incarnation: `n${n}-${wiped ? "b" : "a"}`, untilMs }]),
        );
        const servesAt = (at: number) => {
          const known = given.filter(([, untilMs, wiped]) => untilMs > at && !wiped).map(([n]) => `n${n}`);
          const refusing = [leader.id, ...known];
          return rulesets.every(
            (r) => !everySubset(ids(r).filter((id) => !refusing.includes(id))).some((set) => winsByHand(r, set)),
          );
        };
        const until = heldUntilMs(rulesets, leader, held);
        for (let at = 0; at < 7; at++) expect(at < until).toBe(servesAt(at));
      }),
      { numRuns: 300 },
    );
  });

  it("looks at every ruleset in force and not at the newest alone", () => {
    const [any2of3, any1of3] = [everyRuleset(3, "all")[2], everyRuleset(3, "all")[1]];
    if (any2of3 === undefined || any1of3 === undefined) throw new Error("the generator lost its policies");
    const leader = { id: "n0", incarnation: "n0-a" };
    expect(heldUntilMs([any1of3], leader, {})).toBe(Number.POSITIVE_INFINITY);
    expect(heldUntilMs([any2of3, any1of3], leader, {})).toBe(Number.NEGATIVE_INFINITY);
    expect(heldUntilMs([any2of3, any1of3], leader, { n1: { incarnation: "n1-a", untilMs: 9 } })).toBe(9);
    expect(heldUntilMs([any2of3, any1of3], leader, { n1: { incarnation: "n1-b", untilMs: 9 } })).toBe(
      Number.NEGATIVE_INFINITY,
    );
  });
});

describe("the durations of a lease", () => {
  const detects = fc.integer({ min: LEASE_DETECT_MIN_MS, max: 120_000 });

  it("is over for a follower when its leader's silence makes a suspicion", () => {
    fc.assert(
      fc.property(detects, (detectMs) => {
        expect(holdMs(leaseTimings(detectMs).leaseMs)).toBeLessThanOrEqual(detectMs);
      }),
    );
  });

  it("survives a lost message and a late one", () => {
    fc.assert(
      fc.property(detects, (detectMs) => {
        expect(lateMaxMs(leaseTimings(detectMs))).toBeGreaterThan(detectMs / 10);
      }),
    );
  });

  it("is none where silence is shorter than what clocks and fences need, and none unless asked for", () => {
    expect(leaseTimings(LEASE_DETECT_MIN_MS - 1).leaseMs).toBe(0);
    expect(timingsFrom(DETECT_MS).leaseMs).toBe(0);
    expect(timingsFrom(DETECT_MS, { leases: true }).leaseMs).toBe(2676);
    expect(holdMs(0)).toBe(0);
  });
});
