import { createHash } from "node:crypto";
import type { SeedOutcome } from "./run_seed.js";
import { runSeed } from "./run_seed.js";

/** Seeds to be run by one worker. */
export interface Batch {
  readonly from: number;
  readonly count: number;
}

export interface Broken {
  readonly seed: number;
  /** `determinism` if two runs of the seed differed, `error` if it ended in an error that is no violation. */
  readonly invariant: string;
  readonly what: string;
}

export interface BatchOutcome {
  readonly from: number;
  readonly seeds: number;
  readonly events: number;
  readonly virtualUs: number;
  readonly twice: number;
  /** Over the trace hashes of its seeds, in their order. */
  readonly hash: string;
  readonly violations: readonly Broken[];
  readonly marks: Readonly<Record<string, number>>;
}

/** Every so many seeds one runs a second time, and must do the same again. */
const TWICE_EVERY = 50;

export function runBatch({ from, count }: Batch): BatchOutcome {
  const violations: Broken[] = [];
  const marks: Record<string, number> = {};
  const hash = createHash("sha256");
  let events = 0;
  let virtualUs = 0;
  let twice = 0;
  for (let seed = from; seed < from + count; seed++) {
    const outcome = run(seed);
    if ("invariant" in outcome) {
      violations.push(outcome);
      continue;
    }
    events += outcome.events;
    virtualUs += outcome.virtualUs;
    hash.update(`${seed} ${outcome.hash}\n`);
    for (const [name, times] of outcome.marks) marks[name] = (marks[name] ?? 0) + times;
    if (outcome.violation !== null) violations.push({ seed, ...outcome.violation });
    if (seed % TWICE_EVERY !== 0) continue;
    twice++;
    const again = runSeed(seed).hash;
    if (again !== outcome.hash)
      violations.push({ seed, invariant: "determinism", what: `${outcome.hash}, then ${again}` });
  }
  return { from, seeds: count, events, virtualUs, twice, hash: hash.digest("hex"), violations, marks };
}

/** A run that cannot go on is a finding like others: it must not end those beside it. */
function run(seed: number): SeedOutcome | Broken {
  try {
    return runSeed(seed);
  } catch (error) {
    return { seed, invariant: "error", what: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}
