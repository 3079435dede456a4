import { resolve } from "node:path";
import type { DemoHome } from "./home.js";
import { hasVariable, listProc, type ProcEntry } from "./proc_files.js";

export type DemoProcessKind = "sidecar" | "postgres" | "helper";

export interface DemoProcess extends ProcEntry {
  readonly kind: DemoProcessKind;
}

/** Given to every sidecar, which hands it on to its own children. */
export const HOME_VARIABLE = "QUORATE_DEMO_HOME";

const POSTGRES_PROGRAMS = new Set(["postgres", "initdb", "pg_rewind"]);

/**
 * Every process of this demo, whoever started it: sidecars by the configuration they run with (also those started by
 * hand meanwhile), Postgres by the directory it works in, the rest by the variable or the parent it inherited.
 */
export function listDemoProcesses(home: DemoHome): readonly DemoProcess[] {
  const all = listProc().filter(({ pid }) => pid !== process.pid && pid !== process.ppid);
  const found = new Map<number, DemoProcess>();
  for (const entry of all) {
    const kind = kindOf(entry, home);
    if (kind !== null) found.set(entry.pid, { ...entry, kind });
  }
  // Twice is enough: a sidecar's child, and that one's child.
  for (let depth = 0; depth < 2; depth++) {
    for (const entry of all) {
      if (!found.has(entry.pid) && found.has(entry.parent)) found.set(entry.pid, { ...entry, kind: "helper" });
    }
  }
  return [...found.values()];
}

/** Postgres' processes of one node: what has to die with it. */
export function listPostgres(dataDir: string): readonly ProcEntry[] {
  return listProc().filter(({ program, cwd }) => program === "postgres" && isUnder(cwd, dataDir));
}

/** Whether this is `quorate run` with the demo's configuration. */
export function isSidecar(entry: ProcEntry, home: DemoHome): boolean {
  if (!entry.args.includes("run")) return false;
  const named = entry.args.some((arg) => resolve(entry.cwd, arg.replace(/^(--config=|-c)/, "")) === home.config);
  // Without a -c it is the file of that name in the working directory.
  return named || (entry.cwd === home.dir && entry.args.some((arg) => /quorate|main\.js$/.test(arg)));
}

function kindOf(entry: ProcEntry, home: DemoHome): DemoProcessKind | null {
  if (POSTGRES_PROGRAMS.has(entry.program)) {
    const works = isUnder(entry.cwd, home.dir) || entry.args.some((arg) => isUnder(arg, home.dir));
    return works ? "postgres" : null;
  }
  if (isSidecar(entry, home)) return "sidecar";
  return hasVariable(entry, HOME_VARIABLE, home.dir) ? "helper" : null;
}

function isUnder(path: string, dir: string): boolean {
  return path === dir || path.startsWith(`${dir}/`);
}
