import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Scenario } from "./shrink.js";

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

const FOLDER = fileURLToPath(new URL("./seeds/", import.meta.url));

/** Runs that were mended, or those still `open`. */
export function keptRuns(which: "." | "open" = "."): { readonly name: string; readonly kept: Kept }[] {
  const folder = join(FOLDER, which);
  return (existsSync(folder) ? readdirSync(folder) : [])
    .filter((name) => name.endsWith(".json"))
    .sort()
    .map((name) => ({ name, kept: JSON.parse(readFileSync(join(folder, name), "utf8")) as Kept }));
}

/** @returns the path written. */
export function keep(kept: Kept): string {
  const path = join(FOLDER, `${kept.invariant.toLowerCase()}_${kept.seed}.json`);
  const actions = kept.schedule.map((a) => `    ${JSON.stringify(a)}`).join(",\n");
  const { schedule: _, ...rest } = kept;
  const head = JSON.stringify(rest, null, 2).replace(/\n}$/, "");
  writeFileSync(path, `${head},\n  "schedule": [\n${actions}\n  ]\n}\n`);
  return path;
}
