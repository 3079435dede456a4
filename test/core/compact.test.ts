import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compact, inForce, standing } from "../../src/core/ruleset/in_force.js";
import type { Ruleset, RulesetRecord } from "../../src/core/ruleset/ruleset.js";

function ruleset(copies: number): Ruleset {
  const cohort = ["n1", "n2", "n3"].map((id) => ({ id, incarnation: `${id}-1`, labels: {}, eligible: true }));
  return { policy: { kind: "at_least", copies }, cohort };
}

/** Histories as leaders write them: numbers rise, marks name a proposal of before. */
const histories = fc
  .array(
    fc.record({
      what: fc.constantFrom("propose", "decide", "void"),
      copies: fc.integer({ min: 2, max: 3 }),
      term: fc.boolean(),
    }),
    { maxLength: 12 },
  )
  .map((steps) => {
    const records: RulesetRecord[] = [];
    let number = { term: 2n, subterm: -1 };
    for (const step of steps) {
      if (step.what === "propose") {
        number = step.term
          ? { term: number.term + 1n, subterm: 0 }
          : { term: number.term, subterm: number.subterm + 1 };
        records.push({ number, state: "proposed", ruleset: ruleset(step.copies), writtenBy: "n1" });
      } else if (records.length > 0) {
        records.push({ number, state: step.what === "decide" ? "decided" : "void", ruleset: null, writtenBy: "n1" });
      }
    }
    return records;
  });

describe("the records that still oblige", () => {
  it("say the same as the whole history, and only once", () => {
    fc.assert(
      fc.property(histories, (records) => {
        const short = compact(records);
        expect(inForce(short)).toEqual(inForce(records));
        expect(compact(short)).toEqual(short);
      }),
      { numRuns: 2000 },
    );
  });

  it("say the same when they are written anew, into a table that has lost all or its oldest rows", () => {
    fc.assert(
      fc.property(histories, fc.nat({ max: 12 }), (records, lost) => {
        const left = records.slice(lost);
        const holdsAll = compact(records).every((s) =>
          left.some((r) => r.state === "proposed" && r.number === s.number),
        );
        if (holdsAll) return;
        expect(compact([...left, ...standing(records)])).toEqual(compact(records));
      }),
      { numRuns: 2000 },
    );
  });

  it("do not grow with the terms", () => {
    const records: RulesetRecord[] = [];
    for (let term = 2n; term < 100n; term++) {
      const number = { term, subterm: 0 };
      records.push({ number, state: "proposed", ruleset: ruleset(2), writtenBy: "n1" });
      records.push({ number, state: "decided", ruleset: null, writtenBy: "n1" });
    }
    expect(compact(records)).toHaveLength(1);
  });
});
