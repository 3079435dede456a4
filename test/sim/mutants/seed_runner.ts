import { runSeeds } from "../run_seeds.js";

/** How a mutant fared in the simulator. */
export interface SeedTally {
  readonly ran: number;
  readonly noticed: number;
  /** The first seed that noticed, and what it saw. */
  readonly first: { readonly seed: number; readonly what: string } | null;
}

const CHUNK = 10;

/** Seeds from 1 on, until `count` or until `forMs` have passed. Bundled with the mutated source, and run in a worker. */
export function seedsThatNotice(count: number, forMs: number): SeedTally {
  const until = performance.now() + forMs;
  let ran = 0;
  let noticed = 0;
  let first: SeedTally["first"] = null;
  while (ran < count && performance.now() < until) {
    const outcome = chunk(ran + 1, Math.min(CHUNK, count - ran));
    ran += outcome.ran;
    noticed += outcome.noticed.length;
    first ??= outcome.noticed[0] ?? null;
  }
  return { ran, noticed, first };
}

function chunk(from: number, count: number): { ran: number; noticed: { seed: number; what: string }[] } {
  try {
    const { seeds, violations } = runSeeds({ from, count, stopAtFirst: false });
    return { ran: seeds, noticed: violations };
  } catch (error) {
    // A run that cannot go on is noticed as well; which of these seeds it was does not matter.
    return { ran: count, noticed: [{ seed: from, what: String(error) }] };
  }
}
