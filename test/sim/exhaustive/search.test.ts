import { describe, expect, it } from "vitest";
import { BOUNDED } from "./scenarios.js";
import { search } from "./search.js";

/** On a busy machine the largest takes half a minute; alone, two seconds. */
const DEADLINE_MS = 120_000;

describe("every reachable state of a small cluster, over the core's own step", () => {
  for (const scenario of BOUNDED)
    it(
      `${scenario.name}: ${scenario.what}`,
      () => {
        const now = () => performance.now();
        const found = search(scenario, { statesMax: 1_000_000, until: now() + DEADLINE_MS, now, progress: () => {} });
        process.stdout.write(
          `exhaustive: ${scenario.name}: ${found.states} states, ${found.transitions} transitions\n`,
        );
        expect(found.violation).toBeNull();
        expect(found.complete).toBe(true);
        // A search that never gets anywhere proves nothing.
        expect(found.reached).toEqual(["acknowledged 3", "established 3", "promoted 3"]);
      },
      DEADLINE_MS + 10_000,
    );
});
