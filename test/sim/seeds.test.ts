import { describe, expect, test } from "vitest";
import { runBatch } from "./batch.js";
import { keptRuns } from "./kept.js";
import { runSeed } from "./run_seed.js";

describe("runs that once broke an invariant", () => {
  for (const { name, kept } of keptRuns()) {
    test(`${name}: ${kept.note}`, () => {
      const { violation, trace } = runSeed(kept.seed, { ...kept, tracing: true });
      expect(violation, trace.slice(-60).join("\n")).toBeNull();
    });
  }
});

describe("the simulator", () => {
  test("breaks nothing over a few seeds, and does the same twice", () => {
    const { violations, marks, twice } = runBatch({ from: 1, count: 100 });
    expect(violations).toEqual([]);
    expect(twice).toBeGreaterThan(0);
    expect(marks.established ?? 0).toBeGreaterThan(50);
    expect(marks.write_acknowledged ?? 0).toBeGreaterThan(500);
  });

  test("no run sees a clock of this machine", () => {
    const { setTimeout } = globalThis;
    const now = Date.now;
    runSeed(1);
    expect(globalThis.setTimeout).toBe(setTimeout);
    expect(Date.now).toBe(now);
  });
});
