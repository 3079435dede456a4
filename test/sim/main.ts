import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { drawConfig } from "./config.js";
import { SCRIPTS } from "./kept.js";
import { replay as replayRecorded } from "./replay.js";
import { type Many, runMany, shrinkAndKeep } from "./run_many.js";
import { runSeed } from "./run_seed.js";
import { scenarioLines } from "./scenario_text.js";
import { drawSchedule } from "./schedule.js";

const HELP = `Usage: npm run -s sim -- [options]

Runs whole clusters in virtual time, each decided by one number, and looks for broken invariants (DESIGN 9).

  --seeds N       how many runs (default 2000)
  --from S        the first seed (default 1), or \`random\`
  --workers W     processes (default: one for each processor)
  --minutes M     a soak: as many seeds as there is time for, from a random one on unless --from names it; Ctrl-C ends it;
                  what broke is shrunk and kept in test/sim/seeds/open
  --report FILE   writes a report in Markdown
  -o json         one JSON object instead of a table
  --hashes        one hash over all traces (default 400 seeds), to be compared between machines and versions of Node
  --seed N        one run, with its configuration and its trace
  --replay FILE.. steps the core again through what \`quorate run --record FILE\` wrote down, of one node or of all
  --shrink        with --seed: leaves out of a failing run what it does not need, and writes the rest
                  as a script into test/datadriven, where the tests play it for ever
  -h, --help

Examples:
  npm run -s sim -- --seeds 20000
  npm run -s sim -- --seeds 500 --from 7000 --workers 1 -o json
  npm run -s sim -- --seed 185
  npm run -s sim -- --seed 185 --shrink
  npm run -s sim -- --replay n1.record n2.record n3.record
  npx -y node@24 --import tsx test/sim/main.ts --hashes
  npm run -s sim:soak -- --minutes 60 --report docs/soak.md

Exit code: 0 nothing broken, 1 an invariant was broken or (from 20000 seeds on) a listed state was never reached, 64 bad usage.
`;

const SHRINK_TRIES = 1_500;
/** TESTING.md section 6. */
const DETERMINISM_SEEDS = 400;
const EXIT_USAGE = 64;

const OPTIONS = {
  seeds: { type: "string" },
  from: { type: "string" },
  workers: { type: "string" },
  minutes: { type: "string" },
  report: { type: "string" },
  hashes: { type: "boolean" },
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
  const { trace, violation, events, hash } = runSeed(seed, { tracing: true });
  if (violation === null || !shrinking) {
    const config = drawConfig(seed);
    out(`${scenarioLines({ config, schedule: drawSchedule(config) }).join("\n")}\n----`);
    out(trace.join("\n"));
    out(`seed ${seed}: ${events} events, hash ${hash}, ${violation === null ? "nothing broken" : violation.invariant}`);
    return violation === null ? 0 : 1;
  }
  const { path, before, after } = shrinkAndKeep(seed, violation.invariant, SHRINK_TRIES, SCRIPTS);
  out(readFileSync(path, "utf8"));
  out(`${before} actions shrunk to ${after}: ${path}`);
  out(
    "once it is mended: say in its first line what was wrong, and rewrite it with `npx vitest run test/datadriven -u`",
  );
  return 1;
}

function manyOf(values: Record<string, string | boolean | undefined>): Many {
  const text = (name: string) => values[name] as string | undefined;
  const soaks = text("minutes") !== undefined;
  const minutes = Number(text("minutes"));
  if (soaks && !(minutes > 0)) throw new Error(`--minutes takes a number above 0, not ${text("minutes")}`);
  const isRandom = text("from") === "random" || (soaks && text("from") === undefined);
  return {
    from: isRandom ? null : whole("from", text("from"), 1),
    seeds: whole("seeds", text("seeds"), values.hashes === true ? DETERMINISM_SEEDS : 2_000),
    minutes: soaks ? minutes : null,
    workers: Math.max(1, whole("workers", text("workers"), availableParallelism())),
    json: values.output === "json",
    report: text("report") ?? null,
    hashes: values.hashes === true,
  };
}

async function replayFiles(files: readonly string[]): Promise<number> {
  try {
    return await replayRecorded(files);
  } catch (error) {
    if (!(error instanceof Error) || !("code" in error)) throw error;
    process.stderr.write(`a record cannot be read: ${error.message}\n`);
    return 1;
  }
}

async function main(): Promise<number> {
  const args = process.argv.slice(2);
  if (args[0] === "--replay") return await replayFiles(args.slice(1));
  let values: Record<string, string | boolean | undefined>;
  try {
    values = parseArgs({ args, options: OPTIONS, strict: true }).values;
    if (values.output !== undefined && values.output !== "json") throw new Error("-o takes json and nothing else");
    if (values.help) {
      out(HELP);
      return 0;
    }
    if (values.seed !== undefined) return replay(whole("seed", values.seed as string, 1), values.shrink === true);
    return await runMany(manyOf(values));
  } catch (error) {
    if (!(error instanceof Error) || !/^(--|-o |Unknown option|Option |Unexpected argument)/.test(error.message))
      throw error;
    process.stderr.write(`${error.message}\n\n${HELP}`);
    return EXIT_USAGE;
  }
}

process.exitCode = await main();
