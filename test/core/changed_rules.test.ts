import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LSN_ZERO } from "../../src/core/log/lsn.js";
import { followersOf } from "../../src/core/quorum/minimal_quorums.js";
import { quorumLsn } from "../../src/core/quorum/quorum_lsn.js";
import { compileExactly, compileNative } from "../../src/core/quorum/sync_standby_names.js";
import type { Policy, Ruleset } from "../../src/core/ruleset/ruleset.js";
import { sameRuleset } from "../../src/core/ruleset/ruleset.js";
import type { Seats } from "../../src/core/ruleset/seats.js";
import { seated } from "../../src/core/ruleset/seats.js";
import type { ChangeRequest } from "../../src/core/ruleset/wanted.js";
import { rulesetWanted } from "../../src/core/ruleset/wanted.js";
import { anyRuleset, everySubset, member } from "./rulesets.js";

/** Some members are another incarnation than elsewhere: the same name, and not the same node. */
const wipedSome = fc.tuple(anyRuleset, fc.nat(63)).map(
  ([ruleset, wiped]): Ruleset => ({
    ...ruleset,
    cohort: ruleset.cohort.map((m) => ((wiped >> Number(m.id.slice(1))) & 1 ? { ...m, incarnation: `${m.id}-b` } : m)),
  }),
);
const several = fc.array(wipedSome, { minLength: 1, maxLength: 3 });
const seatsOf = fc
  .nat(127)
  .map(
    (mask): Seats =>
      Object.fromEntries(Array.from({ length: 7 }, (_, i) => [`n${i}`, `n${i}-${(mask >> i) & 1 ? "b" : "a"}`])),
  );

/** The dumb oracle: (name, incarnation) pairs are the nodes; does this set of them, with the leader, hold a copy? */
function holds(ruleset: Ruleset, leader: string, nodes: readonly string[]): boolean {
  const node = (m: { id: string; incarnation: string }) => `${m.id} ${m.incarnation}`;
  const leads = ruleset.cohort.some((m) => m.eligible && node(m) === leader);
  const counting = ruleset.cohort.filter((m) => nodes.includes(node(m)) && (leads || node(m) !== leader));
  const { policy } = ruleset;
  if (policy.kind === "per_leader") {
    const held = counting.map((m) => m.id);
    const may = ruleset.cohort.filter((m) => m.eligible && counting.includes(m) && (!leads || node(m) === leader));
    return may.some((m) => policy.quorums[m.id]?.some((set) => set.every((id) => held.includes(id))));
  }
  const need = policy.kind === "majority" ? Math.floor(ruleset.cohort.length / 2) + 1 : policy.copies;
  return counting.length >= need && (leads ? nodes.includes(leader) : counting.some((m) => m.eligible));
}

describe("rules that name a node in two incarnations", () => {
  it("no copy of one counts for the other: the setting releases only what satisfies every ruleset", () => {
    let some = 0;
    fc.assert(
      fc.property(several, fc.nat(6), seatsOf, (rulesets, n, seats) => {
        const leader = `n${n}`;
        const compiled = compileNative(rulesets, leader, seats);
        if (!compiled.ok) return;
        some++;
        const { followers, need } = compiled.rule;
        expect(followers.every((id) => /^n\d$/.test(id))).toBe(true);
        for (const set of everySubset(followers).filter((s) => s.length === need)) {
          const nodes = [leader, ...set].map((id) => `${id} ${seats[id]}`);
          for (const ruleset of rulesets) expect(holds(ruleset, `${leader} ${seats[leader]}`, nodes)).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
    expect(some).toBeGreaterThan(50);
  });

  it("there is a setting wherever all who are seated together satisfy the rules, unless the leader alone does", () => {
    fc.assert(
      fc.property(several, fc.nat(6), seatsOf, (rulesets, n, seats) => {
        const leader = `n${n}`;
        const all = [leader, ...followersOf(rulesets, leader)].map((id) => `${id} ${seats[id]}`);
        const satisfied = rulesets.every((r) => holds(r, `${leader} ${seats[leader]}`, all));
        const alone = rulesets.every((r) => holds(r, `${leader} ${seats[leader]}`, [`${leader} ${seats[leader]}`]));
        if (!alone) expect(compileNative(rulesets, leader, seats).ok).toBe(satisfied);
      }),
      { numRuns: 300 },
    );
  });

  it("the quorum LSN is the highest that a satisfying set has flushed", () => {
    const lsns = fc.array(fc.bigInt(1n, 9n), { minLength: 7, maxLength: 7 });
    fc.assert(
      fc.property(several, fc.nat(6), seatsOf, lsns, (rulesets, n, seats, flushed) => {
        const leader = `n${n}`;
        const at = new Map(flushed.map((lsn, i) => [`n${i}`, lsn]));
        const durable = [...new Set(flushed)].filter((lsn) => {
          const nodes = [...at].filter(([, l]) => l >= lsn).map(([id]) => `${id} ${seats[id]}`);
          return rulesets.every((r) => holds(r, `${leader} ${seats[leader]}`, nodes));
        });
        const expected = durable.reduce((a, b) => (a > b ? a : b), LSN_ZERO);
        expect(quorumLsn(rulesets, leader, at, seats)).toBe(expected);
      }),
      { numRuns: 500 },
    );
  });

  it("rules in which every name is one node are left as they are, and doing it twice changes nothing", () => {
    fc.assert(
      fc.property(several, seatsOf, (rulesets, seats) => {
        const once = seated(rulesets, seats);
        expect(seated(once, seats)).toEqual(once);
        const plain = rulesets.map((r) => ({ ...r, cohort: r.cohort.map((m) => member(m.id, m.eligible)) }));
        expect(seated(plain)).toEqual(plain);
      }),
    );
  });
});

const policies: fc.Arbitrary<Policy | null> = fc.oneof(
  fc.constant(null),
  fc.constant({ kind: "majority" } as const),
  fc.integer({ min: -1, max: 6 }).map((copies) => ({ kind: "at_least", copies }) as const),
);
const wantedMember = fc.record({
  id: fc.nat(6).map((n) => `n${n}`),
  incarnation: fc.constantFrom(null, null, null, "n1-b"),
  labels: fc.constantFrom(null, { zone: "a" }),
  eligible: fc.constantFrom(null, true, false),
});
const request = fc.record({ policy: policies, cohort: fc.option(fc.array(wantedMember, { maxLength: 11 })) });
/** n5 and n6 are not heard; n1 was wiped. */
const shown = (id: string) => (id === "n5" || id === "n6" ? undefined : id === "n1" ? "n1-b" : `${id}-a`);

describe("the ruleset that an operator asks for", () => {
  it("is one under which everybody whom it lets lead can, or is refused with a reason and a next step", () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(anyRuleset, request, (current, asked) => {
        const wanted = rulesetWanted(current, asked, shown);
        if (!wanted.ok) {
          seen.add(wanted.refusal.code);
          expect(wanted.refusal.reason).not.toBe("");
          expect(wanted.refusal.nextStep).not.toBe("");
          return;
        }
        seen.add("ok");
        const { ruleset } = wanted;
        if (sameRuleset(ruleset, current)) return;
        for (const m of ruleset.cohort.filter((x) => x.eligible)) expect(compileExactly([ruleset], m.id).ok).toBe(true);
        expect(ruleset.cohort.some((m) => m.eligible)).toBe(true);
        const ids = ruleset.cohort.map((m) => m.id);
        expect(ids).toEqual([...new Set(ids)].sort());
        for (const m of ruleset.cohort) {
          const old = current.cohort.find((o) => o.id === m.id);
          expect([old?.incarnation, shown(m.id)]).toContain(m.incarnation);
        }
      }),
      { numRuns: 3000 },
    );
    expect([...seen].sort()).toEqual(["invalid_ruleset", "member_unknown", "not_enforceable", "ok"]);
  });

  it("keeps what is not said: nothing said changes nothing, and a member keeps its labels, eligibility and incarnation", () => {
    fc.assert(
      fc.property(anyRuleset, (current) => {
        const nothing: Pick<ChangeRequest, "policy" | "cohort"> = { policy: null, cohort: null };
        expect(rulesetWanted(current, nothing, shown)).toEqual({ ok: true, ruleset: current });
        const same = current.cohort.map(({ id }) => ({ id, incarnation: null, labels: null, eligible: null }));
        expect(rulesetWanted(current, { policy: null, cohort: same.reverse() }, () => undefined)).toEqual({
          ok: true,
          ruleset: current,
        });
      }),
    );
  });

  it("waits only for what may be otherwise in a moment", () => {
    const current: Ruleset = { policy: { kind: "majority" }, cohort: [member("n1"), member("n2"), member("n3")] };
    const cohort = (...ids: string[]) =>
      ids.map((id) => ({ id, incarnation: null, labels: null, eligible: null as boolean | null }));
    const ask = (asked: Partial<ChangeRequest>) =>
      rulesetWanted(current, { policy: null, cohort: null, ...asked }, shown);
    expect(ask({ cohort: cohort("n1", "n2", "n6") })).toMatchObject({
      ok: false,
      passing: true,
      refusal: { code: "member_unknown", missing: ["n6"] },
    });
    for (const [asked, code] of [
      [{ cohort: cohort("n1", "n1") }, "invalid_ruleset"],
      [{ cohort: [] }, "invalid_ruleset"],
      [{ policy: { kind: "at_least", copies: 4 } }, "invalid_ruleset"],
      [{ policy: { kind: "at_least", copies: 1 } }, "not_enforceable"],
      [{ cohort: cohort("n2") }, "not_enforceable"],
    ] as const)
      expect(ask(asked)).toMatchObject({ ok: false, passing: false, refusal: { code } });
  });
});
