import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { drawConfig } from "./config.js";
import { keep } from "./kept.js";
import { runPool } from "./pool.js";
import { replay as replayRecorded } from "./replay.js";
import { reportText, tableText } from "./report.js";
import { runSeed } from "./run_seed.js";
import { drawSchedule } from "./schedule.js";
import { shrink } from "./shrink.js";
import { LISTED, unhit } from "./sometimes.js";

const HELP = `Usage: npm run -s sim -- [options]

Runs whole clusters in virtual time, each decided by one number, and looks for broken invariants (DESIGN 9).

  --seeds N       how many runs (default 2000)
  --from S        the first seed (default 1)
  --workers W     processes (default: one for each processor)
  --minutes M     as many seeds as there is time for, with all processors
  --report FILE   writes a report in Markdown
  -o json         one JSON object instead of a table
  --seed N        one run, with its configuration and its trace
  --replay FILE.. steps the core again through what \`quorate run --record FILE\` wrote down, of one node or of all
  --shrink        with --seed: leaves out of a failing run what it does not need, and keeps it in test/sim/seeds
  -h, --help

Examples:
  npm run -s sim -- --seeds 20000
  npm run -s sim -- --seeds 500 --from 7000 --workers 1 -o json
  npm run -s sim -- --seed 185
  npm run -s sim -- --seed 185 --shrink
  npm run -s sim -- --replay n1.record n2.record n3.record
  npm run -s sim:soak -- --minutes 60 --report docs/soak.md

Exit code: 0 nothing broken, 1 an invariant was broken or (from 20000 seeds on) a listed state was never reached, 64 bad usage.
`;

/** From so many seeds on, a listed state that was never reached is a blind spot and fails the run. */
const BIG_ENOUGH = 20_000;
const SHRINK_TRIES = 1_500;
const EXIT_USAGE = 64;

const OPTIONS = {
  seeds: { type: "string" },
  from: { type: "string" },
  workers: { type: "string" },
  minutes: { type: "string" },
  report: { type: "string" },
  output: { type: "string", short: "o" },
  seed: { type: "string" },
  shrink: { type: "boolean" },
  help: { type: "boolean", short: "h" },
} as const;

function out(text: string): void {
  process.stdout.write(`${text}\n`);
}

function whole(name: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`--${name} takes a whole number, not ${text}`);
  return value;
}

function replay(seed: number, shrinking: boolean): number {
  const config = drawConfig(seed);
  const schedule = drawSchedule(config);
  const { trace, violation, events, hash } = runSeed(seed, { tracing: true });
  if (violation === null || !shrinking) {
    out(JSON.stringify(config, null, 1));
    out(`schedule:\n${schedule.map((a) => `  ${JSON.stringify(a)}`).join("\n")}`);
    out(trace.join("\n"));
    out(`seed ${seed}: ${events} events, hash ${hash}, ${violation === null ? "nothing broken" : violation.invariant}`);
    return violation === null ? 0 : 1;
  }
  const { invariant, what } = violation;
  const least = shrink({ config, schedule }, invariant, SHRINK_TRIES);
  const again = runSeed(seed, { ...least, tracing: true });
  const path = keep({ ...least, seed, invariant, what: again.violation?.what ?? what, note: "to be explained" });
  out(again.trace.join("\n"));
  out(`${schedule.length} actions shrunk to ${least.schedule.length}: ${path}`);
  return 1;
}

async function runMany(values: Record<string, string | boolean | undefined>): Promise<number> {
  const text = (name: string) => values[name] as string | undefined;
  const minutes = text("minutes") === undefined ? null : Number(text("minutes"));
  const json = values.output === "json";
  let toldMs = 0;
  const total = await runPool({
    from: whole("from", text("from"), 1),
    count: minutes === null ? whole("seeds", text("seeds"), 2_000) : Number.MAX_SAFE_INTEGER / 2,
    untilMs: minutes === null ? null : minutes * 60_000,
    workers: Math.max(1, whole("workers", text("workers"), availableParallelism())),
    progress: ({ seeds, violations, elapsedMs }) => {
      if (json || elapsedMs - toldMs < 10_000) return;
      toldMs = elapsedMs;
      process.stderr.write(`${seeds} seeds, ${violations.length} violations\n`);
    },
  });
  const missed = unhit(total.marks);
  const seconds = total.elapsedMs / 1000;
  if (json) {
    out(
      JSON.stringify({
        schema: "quorate.sim/1",
        seeds: total.seeds,
        violations: total.violations.length,
        seeds_per_s: Math.round((total.seeds + total.twice) / seconds),
        events_per_s: Math.round(total.events / seconds),
        marks_listed: LISTED.length,
        marks_hit: LISTED.length - missed.length,
        failed_seeds: total.violations,
        marks_missed: missed,
      }),
    );
  } else out(tableText(total, missed));
  if (text("report") !== undefined) await writeReport(text("report") ?? "", reportText(total, missed));
  return total.violations.length > 0 || (total.seeds >= BIG_ENOUGH && missed.length > 0) ? 1 : 0;
}

async function writeReport(path: string, text: string): Promise<void> {
  const { writeFile } = await import("node:fs/promises");
  await writeFile(path, text);
}

async function main(): Promise<number> {
  const args = process.argv.slice(2);
  if (args[0] === "--replay") return await replayRecorded(args.slice(1));
  let values: Record<string, string | boolean | undefined>;
  try {
    values = parseArgs({ args, options: OPTIONS, strict: true }).values;
    if (values.output !== undefined && values.output !== "json") throw new Error("-o takes json and nothing else");
    if (values.help) {
      out(HELP);
      return 0;
    }
    if (values.seed !== undefined) return replay(whole("seed", values.seed as string, 1), values.shrink === true);
    return await runMany(values);
  } catch (error) {
    if (!(error instanceof Error) || !/^(--|-o |Unknown option|Option |Unexpected argument)/.test(error.message))
      throw error;
    process.stderr.write(`${error.message}\n\n${HELP}`);
    return EXIT_USAGE;
  }
}

process.exitCode = await main();
