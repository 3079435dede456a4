import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { replay } from "../datadriven/replay.js";
import type { Action } from "./action.js";
import type { SimConfig } from "./config.js";
import { NOTHING_MORE } from "./config.js";
import { parseScenario, scenarioLines } from "./scenario_text.js";

export interface Scenario {
  readonly config: SimConfig;
  readonly schedule: readonly Action[];
}

/**
 * A run that once broke an invariant. The schedule is kept with it, so that it stays the same run when the generator
 * draws other ones; only new draws inside the world (a latency more) can change it.
 */
export interface Kept extends Scenario {
  readonly seed: number;
  readonly invariant: string;
  readonly what: string;
  /** What was wrong, and where it was mended. */
  readonly note: string;
}

/** Where the scripts are: a run that is kept there is played by the tests for ever, with its whole trace. */
export const SCRIPTS = fileURLToPath(new URL("../datadriven/", import.meta.url));
/** Runs whose hole is known and not mended yet. */
export const OPEN = fileURLToPath(new URL("./seeds/open/", import.meta.url));
/** The schedule of a script is played under so many draws of the world. */
const DRAWS = 10;

/** Runs of `seeds/`, or those still `open`. */
export function keptRuns(which: "." | "open" = "."): { readonly name: string; readonly kept: Kept }[] {
  const folder = fileURLToPath(new URL(`./seeds/${which}/`, import.meta.url));
  return (existsSync(folder) ? readdirSync(folder) : [])
    .filter((name) => /\.(json|txt)$/.test(name))
    .sort()
    .map((name) => ({ name, kept: keptIn(join(folder, name)) }));
}

/** @throws Error if the file cannot be read. */
export function keptIn(path: string): Kept {
  const text = readFileSync(path, "utf8");
  if (!path.endsWith(".json")) return parseScript(text);
  const kept = JSON.parse(text) as Kept;
  return { ...kept, config: { ...NOTHING_MORE, ...kept.config } };
}

/**
 * Writes a run as a script of test/datadriven, with what follows from it now.
 * @returns the path written.
 */
export function keepScript(kept: Kept, folder: string = SCRIPTS): string {
  const path = join(folder, `sim_${kept.invariant.toLowerCase()}_${kept.seed}.txt`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(path, replay(scriptText(kept)));
  return path;
}

export function scriptText({ seed, invariant, what, note, config, schedule }: Kept): string {
  const head = [`# ${note}`, `# Seed ${seed} of the simulator broke ${invariant}: ${what.split("\n", 1)[0] ?? ""}`];
  return [...head, "", `simulate ${DRAWS}`, ...scenarioLines({ config, schedule }), ""].join("\n");
}

function parseScript(text: string): Kept {
  const found = /^# (.*)\n# Seed (\d+) of the simulator broke (\w+): (.*)\n\nsimulate.*\n([\s\S]*)/.exec(text);
  if (found === null) throw new Error("this is no script of a shrunk run");
  const [, note = "", seed = "", invariant = "", what = "", rest = ""] = found;
  const lines =
    rest
      .split(/^----$/m)[0]
      ?.trim()
      .split("\n") ?? [];
  return { note, seed: Number(seed), invariant, what, ...parseScenario(lines) };
}
