import { SCENARIOS } from "./scenarios.js";
import { search } from "./search.js";

/** What a search with the mutated core in it finds broken, or null. Bundled, and run in a worker. */
export function whatSearchFinds(name: string, statesMax: number, forMs: number): string | null {
  const scenario = SCENARIOS.find((s) => s.name === name);
  if (scenario === undefined) throw new Error(`there is no scenario ${name}`);
  const now = () => performance.now();
  return search(scenario, { statesMax, until: now() + forMs, now, progress: () => {} }).violation?.what ?? null;
}
