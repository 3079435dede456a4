import { randomInt } from "node:crypto";
import { writeFile } from "node:fs/promises";
import type { Broken } from "./batch.js";
import { drawConfig } from "./config.js";
import { keepScript, OPEN } from "./kept.js";
import { runPool, type Totals } from "./pool.js";
import { brokenText, jsonOf, reportText, tableText } from "./report.js";
import { runSeed } from "./run_seed.js";
import { drawSchedule } from "./schedule.js";
import { shrink } from "./shrink.js";
import { unhit } from "./sometimes.js";

export interface Many {
  /** Null: a random one, so that no two soaks are the same. */
  readonly from: number | null;
  readonly seeds: number;
  /** Null: until all seeds have run. */
  readonly minutes: number | null;
  readonly workers: number;
  readonly json: boolean;
  readonly report: string | null;
  /** Prints the one hash over all traces, and nothing else. */
  readonly hashes: boolean;
}

/** From so many seeds on, a listed state that was never reached is a blind spot and fails the run. */
const BIG_ENOUGH = 20_000;
const TELL_EVERY_MS = 10_000;
/** Of what a soak found, so many are shrunk, each with so many runs at most: the rest is named with its seed. */
const SHRUNK_MAX = 5;
const SHRINK_TRIES = 300;
const RANDOM_BELOW = 2 ** 40;

/** @returns the exit code. */
export async function runMany(many: Many): Promise<number> {
  const { seeds, minutes, workers, json } = many;
  const soaks = minutes !== null;
  const from = many.from ?? randomInt(RANDOM_BELOW);
  const say = (line: string) => process.stderr.write(`${line}\n`);
  if (soaks)
    say(`seeds from ${from} on, for ${minutes} minutes, in ${workers} processes; Ctrl-C ends it with a report`);
  const interrupt = new AbortController();
  const stop = () => {
    say("ends when the seeds under way are done; once more ends at once");
    interrupt.abort();
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, stop);
  const total = await runPool({
    from,
    count: soaks ? Number.MAX_SAFE_INTEGER - RANDOM_BELOW : seeds,
    untilMs: soaks ? minutes * 60_000 : null,
    workers,
    signal: interrupt.signal,
    progress: teller(soaks ? minutes * 60_000 : null, json || many.hashes, say),
  });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.off(signal, stop);
  const kept = soaks ? keepBroken(total.violations, say) : [];
  const missed = unhit(total.marks);
  if (many.hashes)
    process.stdout.write(`${total.hash} ${total.seeds} seeds from ${from} on, Node ${process.version}\n`);
  else process.stdout.write(`${json ? jsonOf(total, missed) : tableText(total, missed)}\n`);
  if (many.report !== null) {
    await writeFile(many.report, reportText({ total, missed, kept, interrupted: interrupt.signal.aborted }));
    say(`the report is in ${many.report}`);
  }
  return total.violations.length > 0 || (total.seeds >= BIG_ENOUGH && missed.length > 0) ? 1 : 0;
}

/** A line every ten seconds, and each failing seed at once. */
function teller(forMs: number | null, quiet: boolean, say: (line: string) => void): (total: Totals) => void {
  let toldMs = 0;
  let named = 0;
  return ({ seeds, violations, elapsedMs }) => {
    for (const broken of violations.slice(named)) say(brokenText(broken));
    named = violations.length;
    if (quiet || elapsedMs - toldMs < TELL_EVERY_MS) return;
    toldMs = elapsedMs;
    const left = forMs === null ? "" : `, ${Math.max(0, Math.round((forMs - elapsedMs) / 1000))} s left`;
    say(`${seeds} seeds, ${violations.length} violations${left}`);
  };
}

/** Shrinks what broke, one of each invariant first, and keeps it among the open ones until it is mended. */
function keepBroken(violations: readonly Broken[], say: (line: string) => void): string[] {
  const isFirst = (broken: Broken) => violations.find((v) => v.invariant === broken.invariant) === broken;
  const order = [...violations.filter(isFirst), ...violations.filter((v) => !isFirst(v))];
  const runs = order.filter((v) => v.invariant !== "determinism" && v.invariant !== "error").slice(0, SHRUNK_MAX);
  return runs.map(({ seed, invariant }) => {
    say(`shrinks seed ${seed}`);
    return shrinkAndKeep(seed, invariant, SHRINK_TRIES, OPEN).path;
  });
}

/** @returns the file with what remains, and how many actions that is. */
export function shrinkAndKeep(seed: number, invariant: string, tries: number, folder: string) {
  const config = drawConfig(seed);
  const schedule = drawSchedule(config);
  const least = shrink({ config, schedule }, invariant, tries);
  const what = runSeed(least.config.seed, least).violation?.what ?? "";
  const path = keepScript({ ...least, seed, invariant, what, note: "To be explained." }, folder);
  return { path, before: schedule.length, after: least.schedule.length };
}
