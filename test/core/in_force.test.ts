import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compact, inForce } from "../../src/core/ruleset/in_force.js";
import type { Ruleset, RulesetRecord } from "../../src/core/ruleset/ruleset.js";
import { compareNumbers, initialRulesetText, sameRuleset } from "../../src/core/ruleset/ruleset.js";
import { anyRuleset, member } from "./rulesets.js";

const ruleset = (...ids: string[]): Ruleset => ({ policy: { kind: "majority" }, cohort: ids.map((id) => member(id)) });
const A = ruleset("n1", "n2", "n3");
const B = ruleset("n2", "n3", "n4");
const C = ruleset("n3", "n4", "n5");

const by = { writtenBy: "n1" };
const proposed = (term: bigint, subterm: number, r: Ruleset): RulesetRecord => ({
  number: { term, subterm },
  state: "proposed",
  ruleset: r,
  ...by,
});
const decided = (term: bigint, subterm: number): RulesetRecord => ({
  number: { term, subterm },
  state: "decided",
  ruleset: null,
  ...by,
});
const voided = (term: bigint, subterm: number): RulesetRecord => ({
  number: { term, subterm },
  state: "void",
  ruleset: null,
  ...by,
});

describe("the rulesets in force", () => {
  it("a log without any ruleset has none", () => {
    expect(inForce([])).toBeUndefined();
    expect(inForce([decided(2n, 0), voided(2n, 1)])).toBeUndefined();
  });

  it("a log's first ruleset counts as decided", () => {
    expect(inForce([proposed(2n, 0, A)])).toMatchObject({ decided: A, newest: A, newestDecided: true, obliged: [A] });
  });

  it("an undecided ruleset obliges beside the decided one, and is what a new leader proposes again", () => {
    const rules = inForce([proposed(2n, 0, A), decided(2n, 0), proposed(2n, 1, B)]);
    expect(rules).toMatchObject({ decided: A, newest: B, newestDecided: false, obliged: [A, B] });
    expect(rules?.newestNumber).toEqual({ term: 2n, subterm: 1 });
  });

  it("one that lies undecided between obliges too (H2)", () => {
    const rules = inForce([proposed(2n, 0, A), proposed(2n, 1, B), proposed(5n, 0, C)]);
    expect(rules).toMatchObject({ decided: A, newest: C, obliged: [A, B, C] });
  });

  it("a mark lets go of everything before it, and of nothing after it", () => {
    const log = [proposed(2n, 0, A), proposed(2n, 1, B), proposed(3n, 0, B), proposed(3n, 1, C), decided(3n, 0)];
    expect(inForce(log)).toMatchObject({ decided: B, newest: C, obliged: [B, C] });
    expect(inForce([...log, decided(3n, 1)])).toMatchObject({ decided: C, newest: C, obliged: [C] });
  });

  it("void takes back what it names and what was proposed before that, not what a later leader has proposed since", () => {
    const log = [proposed(2n, 0, A), decided(2n, 0), proposed(2n, 1, B), proposed(3n, 0, A), voided(2n, 1)];
    expect(inForce(log)).toMatchObject({ newestNumber: { term: 3n, subterm: 0 }, obliged: [A] });
    expect(inForce([...log, decided(3n, 0)])).toMatchObject({ decidedNumber: { term: 3n, subterm: 0 }, obliged: [A] });
    expect(inForce([...log, voided(3n, 0)])).toMatchObject({ newestNumber: { term: 2n, subterm: 0 }, obliged: [A] });
    expect(compact(log)).toEqual([proposed(2n, 0, A), proposed(3n, 0, A)]);
  });

  it("void returns to the last decided one", () => {
    const log = [proposed(2n, 0, A), decided(2n, 0), proposed(2n, 1, B), voided(2n, 1)];
    expect(inForce(log)).toMatchObject({ decided: A, newest: A, newestDecided: true, obliged: [A] });
    expect(inForce([...log, proposed(2n, 2, C)])).toMatchObject({ decided: A, newest: C, obliged: [A, C] });
  });

  it("a mark without its proposal, or twice, changes nothing", () => {
    const log = [proposed(2n, 0, A), proposed(2n, 1, B)];
    expect(inForce([...log, decided(9n, 9)])).toEqual(inForce(log));
    expect(inForce([...log, decided(2n, 1), decided(2n, 1)])).toEqual(inForce([...log, decided(2n, 1)]));
    expect(inForce([...log, decided(2n, 1), decided(2n, 0)])).toEqual(inForce([...log, decided(2n, 1)]));
  });

  it("a record written twice counts once, before and after its mark", () => {
    const log = [proposed(2n, 0, A), decided(2n, 0), proposed(3n, 0, A)];
    expect(inForce([...log, proposed(3n, 0, A)])).toEqual(inForce(log));
    const marked = [...log, decided(3n, 0)];
    expect(inForce([...marked, proposed(3n, 0, A)])).toEqual(inForce(marked));
  });

  it("the same content proposed again by each new leader obliges once", () => {
    const rules = inForce([proposed(2n, 0, A), decided(2n, 0), proposed(3n, 0, A), proposed(4n, 0, A)]);
    expect(rules?.obliged).toEqual([A]);
    expect(rules).toMatchObject({ newestNumber: { term: 4n, subterm: 0 }, newestDecided: false });
  });

  it("for any log: the decided one comes first among those obliged, the newest last, and none twice", () => {
    const record = fc.tuple(
      fc.constantFrom("proposed", "decided", "void"),
      fc.nat(2),
      fc.nat(1),
      fc.constantFrom(A, B, C),
    );
    fc.assert(
      fc.property(fc.array(record, { maxLength: 12 }), (steps) => {
        let term = 2n;
        const log = steps.map(([state, jump, subterm, r]) => {
          term += BigInt(jump);
          if (state === "proposed") return proposed(term, subterm, r);
          return state === "decided" ? decided(term, subterm) : voided(term, subterm);
        });
        const rules = inForce(log);
        expect(rules === undefined).toBe(!log.some((l) => l.state === "proposed"));
        if (rules === undefined) return;
        expect(sameRuleset(rules.obliged[0] ?? A, rules.decided)).toBe(true);
        expect(rules.obliged.some((r) => sameRuleset(r, rules.newest))).toBe(true);
        expect(rules.newestDecided).toBe(compareNumbers(rules.newestNumber, rules.decidedNumber) === 0);
        for (const [i, a] of rules.obliged.entries())
          for (const b of rules.obliged.slice(i + 1)) expect(sameRuleset(a, b)).toBe(false);
        // A longer log without marks and voids never obliges to less.
        const more = inForce([...log, proposed(term + 1n, 0, C)]);
        for (const r of rules.obliged) expect(more?.obliged.some((m) => sameRuleset(m, r))).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });
});

describe("whether two rulesets say the same", () => {
  it("is an equivalence, and every difference that matters counts", () => {
    fc.assert(
      fc.property(anyRuleset, anyRuleset, (a, b) => {
        expect(sameRuleset(a, structuredClone(a))).toBe(true);
        expect(sameRuleset(a, b)).toBe(sameRuleset(b, a));
        expect(sameRuleset(a, b)).toBe(JSON.stringify(a) === JSON.stringify(b));
      }),
    );
    const [first = member("n1")] = A.cohort;
    for (const other of [
      { ...first, incarnation: "n1-b" },
      { ...first, eligible: false },
      { ...first, labels: { zone: "a" } },
    ])
      expect(sameRuleset(A, { ...A, cohort: [other, ...A.cohort.slice(1)] })).toBe(false);
    expect(sameRuleset(A, { ...A, policy: { kind: "at_least", copies: 2 } })).toBe(false);
  });

  it("an initial ruleset has one text, however its nodes and labels are ordered", () => {
    const n1 = { id: "n1", labels: { zone: "a", rack: "1" } };
    const n2 = { id: "n2", labels: { rack: "1", zone: "a" } };
    const policy = { kind: "at_least", copies: 2 } as const;
    expect(initialRulesetText({ policy, nodes: [n2, n1] })).toBe(
      initialRulesetText({ policy, nodes: [{ id: "n1", labels: { rack: "1", zone: "a" } }, n2] }),
    );
    for (const other of [
      { policy: { kind: "majority" } as const, nodes: [n1, n2] },
      { policy: { kind: "at_least", copies: 3 } as const, nodes: [n1, n2] },
      { policy, nodes: [n1] },
      { policy, nodes: [n1, { id: "n2", labels: { zone: "b", rack: "1" } }] },
      { policy, nodes: [n1, { id: "n2", labels: { zone: 'a",rack="1' } }] },
    ])
      expect(initialRulesetText(other)).not.toBe(initialRulesetText({ policy, nodes: [n1, n2] }));
  });
});
