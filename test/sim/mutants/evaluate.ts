import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { call } from "./in_worker.js";
import type { Mutant } from "./mutant.js";
import type { Noticed } from "./script_runner.js";
import type { SeedTally } from "./seed_runner.js";
import { bundle, ROOT } from "./substitute.js";

export interface Budget {
  readonly seeds: number;
  /** For the seeds of one mutant, in ms. */
  readonly seedsMs: number;
  /** Of a mutant that names a script, none of the others are played: all of them take most of a minute. */
  readonly namedOnly: boolean;
}

/** What notices a mutant. */
export interface Verdict {
  readonly mutant: Mutant;
  readonly seeds: SeedTally | null;
  /** Scripts, those that saw something that is never right before those whose trace only differs. */
  readonly scripts: readonly string[];
  readonly violated: readonly string[];
  readonly search: string | null;
}

const SCRIPTS_MS = 120_000;
const SEARCH_STATES = 60_000;
const SEARCH_MS = 30_000;
/** Starting a worker and reading a bundle, on a busy machine. */
const GRACE_MS = 60_000;

/** Small and quick, and each with something that the others have not. */
const SEARCHES = ["grow", "majority"];

export async function evaluate(mutant: Mutant, budget: Budget): Promise<Verdict> {
  const scripts = await scriptsOf(mutant, budget.namedOnly ? (mutant.script ?? null) : null);
  const names = Object.keys(scripts);
  const violated = names.filter((name) => scripts[name] === "violation");
  const seeds = budget.seeds === 0 ? null : await seedsOf(mutant, budget);
  // The slow searches are for what nothing else notices.
  const search = names.length > 0 || (seeds?.noticed ?? 0) > 0 ? null : await searchOf(mutant);
  return {
    mutant,
    seeds,
    scripts: [...violated, ...names.filter((name) => !violated.includes(name))],
    violated,
    search,
  };
}

export function isKilled({ seeds, scripts, search }: Verdict): boolean {
  return scripts.length > 0 || search !== null || (seeds?.noticed ?? 0) > 0;
}

async function scriptsOf(mutant: Mutant, only: string | null): Promise<Record<string, Noticed>> {
  const outcome = await inBundle<Record<string, Noticed>>(mutant, "test/sim/mutants/script_runner.ts", [
    "scriptsThatNotice",
    [`${ROOT}test/datadriven`, only === null ? null : [only]],
    SCRIPTS_MS,
  ]);
  // A script that never ends is not what any of them expects.
  return outcome.kind === "returned" ? outcome.value : { [`(all) ${outcome.reason}`]: "trace" };
}

async function seedsOf(mutant: Mutant, { seeds, seedsMs }: Budget): Promise<SeedTally> {
  const outcome = await inBundle<SeedTally>(mutant, "test/sim/mutants/seed_runner.ts", [
    "seedsThatNotice",
    [seeds, seedsMs],
    seedsMs + GRACE_MS,
  ]);
  if (outcome.kind === "returned") return outcome.value;
  return { ran: 1, noticed: 1, first: { seed: 1, what: outcome.reason } };
}

async function searchOf(mutant: Mutant): Promise<string | null> {
  for (const name of SEARCHES) {
    const outcome = await inBundle<string | null>(mutant, "test/sim/exhaustive/for_mutants.ts", [
      "whatSearchFinds",
      [name, SEARCH_STATES, SEARCH_MS],
      SEARCH_MS + GRACE_MS,
    ]);
    const what = outcome.kind === "returned" ? outcome.value : outcome.reason;
    if (what !== null) return `${name}: ${what}`;
  }
  return null;
}

async function inBundle<T>(
  mutant: Mutant,
  entry: string,
  [name, args, deadlineMs]: [string, readonly unknown[], number],
) {
  const folder = mkdtempSync(join(tmpdir(), "quorate-mutant-"));
  try {
    const file = join(folder, "bundle.mjs");
    await bundle(entry, mutant, file);
    return await call<T>(pathToFileURL(file).href, name, args, deadlineMs);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
