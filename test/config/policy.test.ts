import { describe, expect, test } from "vitest";
import { toleranceOf } from "../../src/config/policy.js";

/** From the definition: can every set of `alive` nodes find a leader? */
function failoverSurvives(copies: number, nodes: number): number {
  for (let lost = nodes; lost >= 0; lost--) {
    const alive = nodes - lost;
    const candidacy = alive >= copies;
    const revocation = lost < copies;
    if (candidacy && revocation) return lost;
  }
  return -1;
}

describe("what a policy survives", () => {
  test("agrees with revocation and candidacy, counted one by one", () => {
    for (let nodes = 2; nodes <= 9; nodes++) {
      for (let copies = 2; copies <= nodes; copies++) {
        const { failover_survives, commits_survive } = toleranceOf({ kind: "at_least", copies }, nodes);
        expect(failover_survives, `${copies} of ${nodes}`).toBe(failoverSurvives(copies, nodes));
        expect(commits_survive).toBe(nodes - copies);
      }
    }
  });

  test("a majority of three survives one, of two nobody", () => {
    expect(toleranceOf({ kind: "majority" }, 3)).toEqual({ copies: 2, commits_survive: 1, failover_survives: 1 });
    expect(toleranceOf({ kind: "majority" }, 2)).toEqual({ copies: 2, commits_survive: 0, failover_survives: 0 });
  });
});
