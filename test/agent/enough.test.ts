import { describe, expect, test } from "vitest";
import { enoughToGoOn, spareFollowers } from "../../src/agent/enough.js";
import type { Blocked } from "../../src/core/messages.js";
import type { InForce } from "../../src/core/ruleset/in_force.js";
import { inForce } from "../../src/core/ruleset/in_force.js";
import type { Policy } from "../../src/core/ruleset/ruleset.js";
import { member } from "../core/rulesets.js";

const blocked = (code: string, missing: readonly string[] = []): Blocked => ({
  code,
  missing,
  reason: "",
  nextStep: "",
});

function rulesOf(policies: readonly Policy[], size: number): InForce {
  const cohort = Array.from({ length: size }, (_, i) => member(`n${i + 1}`));
  const records = policies.map((policy, subterm) => ({
    ...{ number: { term: 2n, subterm }, state: "proposed" as const, writtenBy: "n1" },
    ruleset: { policy, cohort },
  }));
  const rules = inForce(records);
  if (rules === undefined) throw new Error("a ruleset was given");
  return rules;
}

const atLeast = (copies: number): Policy => ({ kind: "at_least", copies });

describe("what would be enough", () => {
  const three = rulesOf([{ kind: "majority" }], 3);
  const five = rulesOf([{ kind: "majority" }], 5);

  test("a leader that waits for its followers needs the fewest that complete its quorum", () => {
    const waits = { blocked: blocked("no_quorum"), leader: "n1" };
    expect(enoughToGoOn({ ...waits, rules: three, there: new Set(["n1"]) })).toEqual([["n2"], ["n3"]]);
    expect(enoughToGoOn({ ...waits, rules: five, there: new Set(["n1"]) })).toHaveLength(6);
    expect(enoughToGoOn({ ...waits, rules: five, there: new Set(["n1", "n4"]) })).toEqual([["n2"], ["n3"], ["n5"]]);
  });

  test("under joint rules every one of them counts", () => {
    const joint = rulesOf([{ kind: "majority" }, atLeast(3)], 3);
    const waits = { blocked: blocked("no_quorum"), leader: "n1", rules: joint, there: new Set(["n1"]) };
    expect(enoughToGoOn(waits)).toEqual([["n2", "n3"]]);
  });

  test("an election needs revocation as well: more than a quorum, if the policy is small", () => {
    const cannot = { blocked: blocked("not_enough"), leader: null };
    expect(enoughToGoOn({ ...cannot, rules: three, there: new Set(["n3"]) })).toEqual([["n1"], ["n2"]]);
    const small = rulesOf([atLeast(2)], 4);
    expect(enoughToGoOn({ ...cannot, rules: small, there: new Set(["n1", "n2"]) })).toEqual([["n3"], ["n4"]]);
  });

  test("before the cluster exists all who are missing; for other reasons nobody", () => {
    const founding = { blocked: blocked("founding_incomplete", ["n2", "n3"]), rules: undefined, leader: null };
    expect(enoughToGoOn({ ...founding, there: new Set() })).toEqual([["n2", "n3"]]);
    const other = { blocked: blocked("mixed_clusters"), leader: null, there: new Set<string>() };
    expect(enoughToGoOn({ ...other, rules: undefined })).toEqual([]);
    expect(enoughToGoOn({ ...other, rules: three })).toEqual([]);
  });
});

describe("followers that a leader can spare", () => {
  test.each([
    [["n1", "n2", "n3"], atLeast(2), [["n2"], ["n3"]]],
    [["n1", "n2"], atLeast(2), []],
    [["n1", "n2", "n3"], atLeast(3), []],
    [["n1", "n2", "n3"], atLeast(1), [["n2", "n3"]]],
  ] as const)("of %j under %j: %j", (alive, policy, spare) => {
    expect(spareFollowers(rulesOf([policy], 3), "n1", alive)).toEqual(spare);
  });
});
