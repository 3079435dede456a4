import { type ChildProcess, fork } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Batch, BatchOutcome, Broken } from "./batch.js";
import { bundle } from "./mutants/substitute.js";

/** A run makes much short-lived garbage: a larger nursery saves a fifth of the time. */
const NURSERY_MB = 64;
const BATCH_SEEDS = 50;

export interface PoolOptions {
  readonly from: number;
  /** How many seeds; with `untilMs` as many as there is time for. */
  readonly count: number;
  readonly untilMs: number | null;
  readonly workers: number;
  /** No batch is begun any more once it is aborted. */
  readonly signal: AbortSignal;
  /** After each batch: how far it is. */
  readonly progress: (total: Totals) => void;
}

export interface Totals {
  readonly from: number;
  seeds: number;
  events: number;
  virtualUs: number;
  /** Seeds that ran a second time. */
  twice: number;
  readonly violations: Broken[];
  readonly marks: Record<string, number>;
  elapsedMs: number;
  /** Over all trace hashes in the order of their seeds: equal on every machine and with any number of workers. */
  hash: string;
}

/** Spreads seeds over processes; the outcome does not depend on how many there are. */
export async function runPool(options: PoolOptions): Promise<Totals> {
  // One bundled file starts at once, and runs without what a loader adds to each function to keep its name.
  const folder = await mkdtemp(join(tmpdir(), "quorate-sim-"));
  try {
    const program = join(folder, "worker.mjs");
    await bundle("test/sim/worker.ts", null, program);
    return await spread(options, program);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function spread(options: PoolOptions, program: string): Promise<Totals> {
  const startMs = performance.now();
  const { from, count, untilMs, signal } = options;
  const total: Totals = {
    ...{ from, seeds: 0, events: 0, virtualUs: 0, twice: 0, violations: [], marks: {}, elapsedMs: 0, hash: "" },
  };
  const hashes = new Map<number, string>();
  let next = from;
  const end = from + count;
  const take = () => {
    if (signal.aborted || next >= end || (untilMs !== null && performance.now() - startMs >= untilMs)) return null;
    const batch = { from: next, count: Math.min(BATCH_SEEDS, end - next) };
    next += batch.count;
    return batch;
  };
  await Promise.all(
    Array.from({ length: options.workers }, () =>
      work(program, take, (outcome) => {
        add(total, outcome);
        hashes.set(outcome.from, outcome.hash);
        total.elapsedMs = performance.now() - startMs;
        options.progress(total);
      }),
    ),
  );
  total.violations.sort((a, b) => a.seed - b.seed);
  const inOrder = [...hashes].sort(([a], [b]) => a - b).map(([, hash]) => hash);
  total.hash = createHash("sha256").update(inOrder.join()).digest("hex").slice(0, 16);
  return total;
}

function work(program: string, take: () => Batch | null, done: (outcome: BatchOutcome) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker: ChildProcess = fork(program, { execArgv: [`--max-semi-space-size=${NURSERY_MB}`] });
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
