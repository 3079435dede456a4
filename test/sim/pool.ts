import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { BatchOutcome } from "./batch.js";

/** A run makes much short-lived garbage: a larger nursery saves a fifth of the time. */
const NURSERY_MB = 64;
const BATCH_SEEDS = 50;

export interface PoolOptions {
  readonly from: number;
  /** How many seeds; with `untilMs` as many as there is time for. */
  readonly count: number;
  readonly untilMs: number | null;
  readonly workers: number;
  /** After each batch: how far it is. */
  readonly progress: (total: Totals) => void;
}

export interface Totals {
  seeds: number;
  events: number;
  virtualUs: number;
  twice: number;
  readonly violations: { readonly seed: number; readonly what: string }[];
  readonly marks: Record<string, number>;
  elapsedMs: number;
}

/** Spreads seeds over processes; the outcome does not depend on how many there are. */
export async function runPool(options: PoolOptions): Promise<Totals> {
  const startMs = performance.now();
  const total: Totals = { seeds: 0, events: 0, virtualUs: 0, twice: 0, violations: [], marks: {}, elapsedMs: 0 };
  let next = options.from;
  const end = options.from + options.count;
  const take = () => {
    if (next >= end || (options.untilMs !== null && performance.now() - startMs >= options.untilMs)) return null;
    const batch = { from: next, count: Math.min(BATCH_SEEDS, end - next) };
    next += batch.count;
    return batch;
  };
  await Promise.all(
    Array.from({ length: options.workers }, () =>
      work(take, (outcome) => {
        add(total, outcome);
        total.elapsedMs = performance.now() - startMs;
        options.progress(total);
      }),
    ),
  );
  total.violations.sort((a, b) => a.seed - b.seed);
  return total;
}

function work(
  take: () => { from: number; count: number } | null,
  done: (outcome: BatchOutcome) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = fork(fileURLToPath(new URL("./worker.ts", import.meta.url)), {
      execArgv: [...process.execArgv, `--max-semi-space-size=${NURSERY_MB}`],
    });
    let idle = false;
    const give = () => {
      const batch = take();
      idle = batch === null;
      if (batch === null) worker.disconnect();
      else worker.send(batch);
    };
    worker.on("message", (outcome: BatchOutcome) => {
      done(outcome);
      give();
    });
    worker.on("error", reject);
    worker.on("exit", (code, signal) => {
      if (idle) resolve();
      else reject(new Error(`a worker ended in the middle of its work: ${signal ?? code}`));
    });
    give();
  });
}

function add(total: Totals, outcome: BatchOutcome): void {
  total.seeds += outcome.seeds;
  total.events += outcome.events;
  total.virtualUs += outcome.virtualUs;
  total.twice += outcome.twice;
  total.violations.push(...outcome.violations);
  for (const [name, times] of Object.entries(outcome.marks)) total.marks[name] = (total.marks[name] ?? 0) + times;
}
