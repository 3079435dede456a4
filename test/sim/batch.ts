import { runSeed } from "./run_seed.js";

/** Seeds to be run by one worker. */
export interface Batch {
  readonly from: number;
  readonly count: number;
}

export interface BatchOutcome {
  readonly seeds: number;
  readonly events: number;
  readonly virtualUs: number;
  readonly twice: number;
  readonly violations: readonly { readonly seed: number; readonly what: string }[];
  readonly marks: Readonly<Record<string, number>>;
}

/** Every so many seeds one runs a second time, and must do the same again. */
const TWICE_EVERY = 50;

export function runBatch({ from, count }: Batch): BatchOutcome {
  const violations: { seed: number; what: string }[] = [];
  const marks: Record<string, number> = {};
  let events = 0;
  let virtualUs = 0;
  let twice = 0;
  for (let seed = from; seed < from + count; seed++) {
    const outcome = runSeed(seed);
    events += outcome.events;
    virtualUs += outcome.virtualUs;
    for (const [name, times] of outcome.marks) marks[name] = (marks[name] ?? 0) + times;
    if (outcome.violation !== null)
      violations.push({ seed, what: `${outcome.violation.invariant}: ${outcome.violation.what}` });
    if (seed % TWICE_EVERY !== 0) continue;
    twice++;
    const again = runSeed(seed);
    if (again.hash !== outcome.hash)
      violations.push({ seed, what: `determinism: ${outcome.hash} the first time, ${again.hash} the second` });
  }
  return { seeds: count, events, virtualUs, twice, violations, marks };
}
