import { runSeed } from "./run_seed.js";

export interface SeedsOptions {
  readonly from: number;
  readonly count: number;
  readonly stopAtFirst: boolean;
}

export interface SeedsOutcome {
  readonly seeds: number;
  readonly events: number;
  readonly violations: { readonly seed: number; readonly what: string }[];
  readonly marks: Record<string, number>;
}

/** Runs `count` seeds beginning with `from`, one after the other, in this thread. No side effects on import. */
export function runSeeds({ from, count, stopAtFirst }: SeedsOptions): SeedsOutcome {
  const violations: { seed: number; what: string }[] = [];
  const marks: Record<string, number> = {};
  let events = 0;
  let seeds = 0;
  for (let seed = from; seed < from + count; seed++) {
    const outcome = runSeed(seed);
    seeds++;
    events += outcome.events;
    for (const [name, times] of outcome.marks) marks[name] = (marks[name] ?? 0) + times;
    if (outcome.violation !== null) {
      violations.push({ seed, what: `${outcome.violation.invariant}: ${outcome.violation.what}` });
      if (stopAtFirst) break;
    }
  }
  return { seeds, events, violations, marks };
}
