import { describe, expect, test } from "vitest";
import type { Outcome } from "../../src/demo/ledger.js";
import { isClean, judge, missing } from "../../src/demo/verdict.js";

function told(numbers: Partial<Record<Outcome, readonly number[]>>) {
  return { get: (outcome: Outcome) => numbers[outcome] ?? [] };
}

describe("verdict", () => {
  test("acknowledged rows on every node, unknown ones on some: clean", () => {
    const nodes = [
      { id: "n1", rows: [1, 2, 3] },
      { id: "n2", rows: [3, 2, 1] },
    ];
    const verdict = judge(told({ acked: [1, 2], unknown: [3, 4], refused: [5] }), nodes);
    expect(verdict).toEqual({
      lost: 0,
      duplicated: 0,
      phantom: 0,
      nodes: [
        { id: "n1", rows: 3 },
        { id: "n2", rows: 3 },
      ],
    });
    expect(isClean(verdict)).toBe(true);
  });

  test("a row that one node alone lacks is lost, and counted once", () => {
    const nodes = [
      { id: "n1", rows: [1, 2] },
      { id: "n2", rows: [1] },
      { id: "n3", rows: [1] },
    ];
    expect(judge(told({ acked: [1, 2] }), nodes).lost).toBe(1);
    expect([...missing([1, 2], nodes)]).toEqual([2]);
  });

  test("a number that is there twice is duplicated", () => {
    const verdict = judge(told({ acked: [1] }), [{ id: "n1", rows: [1, 1] }]);
    expect(verdict).toMatchObject({ lost: 0, duplicated: 1, phantom: 0 });
    expect(isClean(verdict)).toBe(false);
  });

  test("a refused row that is there is a phantom", () => {
    const verdict = judge(told({ refused: [7] }), [{ id: "n1", rows: [7] }]);
    expect(verdict).toMatchObject({ lost: 0, duplicated: 0, phantom: 1 });
    expect(isClean(verdict)).toBe(false);
  });

  test("nobody looked at: not clean", () => {
    expect(isClean(judge(told({}), []))).toBe(false);
  });
});
