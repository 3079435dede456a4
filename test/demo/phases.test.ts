import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { DemoStatus } from "../../src/demo/cluster_status.js";
import { cutOutage, mergePhases } from "../../src/demo/phases.js";

const NONE = { recruit_ms: 0, promote_ms: 0, establish_ms: 0, detect_ms: 0 };

function statusWith(...phases: readonly (object | null)[]): DemoStatus {
  return { nodes: phases.map((entry) => ({ phases: entry })) } as unknown as DemoStatus;
}

describe("phases", () => {
  test("each node's own part of the same term", () => {
    const coordinator = { ...NONE, term: 3, started_unix_ms: 1000, recruit_ms: 20 };
    const leader = { ...NONE, term: 3, started_unix_ms: 1020, promote_ms: 30, establish_ms: 10 };
    const older = { ...NONE, term: 2, started_unix_ms: 5, recruit_ms: 900, promote_ms: 900 };
    expect(mergePhases(statusWith(older, leader, coordinator), 3)).toMatchObject({
      started_unix_ms: 1000,
      recruit_ms: 20,
      promote_ms: 30,
      establish_ms: 10,
    });
  });

  test("nothing until both told", () => {
    const coordinator = { ...NONE, term: 3, started_unix_ms: 1000, recruit_ms: 20 };
    expect(mergePhases(statusWith(coordinator, null), 3)).toBeNull();
    expect(mergePhases(statusWith(), 3)).toBeNull();
  });

  test("the rest until the first acknowledgement belongs to the establishment", () => {
    const phases = { started_unix_ms: 1010, recruit_ms: 20, promote_ms: 30 };
    expect(cutOutage(1000, 100, phases)).toEqual({ detect_ms: 10, recruit_ms: 20, promote_ms: 30, establish_ms: 40 });
  });

  test("parts are never negative, and add up to the outage", () => {
    const ms = fc.double({ min: 0, max: 5000, noNaN: true });
    fc.assert(
      fc.property(ms, fc.double({ min: -50, max: 5000, noNaN: true }), ms, ms, (outage, detected, recruit, promote) => {
        const phases = { started_unix_ms: 1_000_000 + detected, recruit_ms: recruit, promote_ms: promote };
        const parts = Object.values(cutOutage(1_000_000, outage, phases));
        expect(Math.min(...parts)).toBeGreaterThanOrEqual(0);
        // Each part is rounded to a tenth.
        expect(Math.abs(parts.reduce((sum, part) => sum + part, 0) - outage)).toBeLessThan(0.2);
      }),
    );
  });
});
