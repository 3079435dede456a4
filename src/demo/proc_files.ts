import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { basename } from "node:path";

/** One running process as /proc shows it. Without a /proc (macOS) there are none to be seen. */
export interface ProcEntry {
  readonly pid: number;
  readonly parent: number;
  /** Clock ticks since boot: with the number, what cannot be mistaken for a later process. */
  readonly startTicks: string;
  /** Name of the program; empty if it may not be seen. */
  readonly program: string;
  readonly cwd: string;
  readonly args: readonly string[];
}

/** Every process that runs; zombies do not. Synchronous: a list that is made while others change it is no list. */
export function listProc(): readonly ProcEntry[] {
  let names: readonly string[];
  try {
    names = readdirSync("/proc");
  } catch {
    return [];
  }
  return names.flatMap((name) => (/^\d+$/.test(name) ? (readEntry(Number(name)) ?? []) : []));
}

export function readEntry(pid: number): ProcEntry | null {
  const stat = readText(pid, "stat");
  // The second field is the command in parentheses and may hold blanks and parentheses of its own.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state, parent] = fields;
  const startTicks = fields[19];
  if (parent === undefined || startTicks === undefined || state === "Z" || state === "X") return null;
  return {
    pid,
    parent: Number(parent),
    startTicks,
    program: basename(readLink(pid, "exe")),
    cwd: readLink(pid, "cwd"),
    args: readText(pid, "cmdline").split("\0").filter(Boolean),
  };
}

/** Whether a variable was in its environment when it was started. */
export function hasVariable(pid: number, name: string, value: string): boolean {
  return readText(pid, "environ").split("\0").includes(`${name}=${value}`);
}

export function stillRuns({ pid, startTicks }: Pick<ProcEntry, "pid" | "startTicks">): boolean {
  return readEntry(pid)?.startTicks === startTicks;
}

/** To exactly this process, never to another that got its number meanwhile. */
export function sendSignal(process_: Pick<ProcEntry, "pid" | "startTicks">, name: NodeJS.Signals): void {
  if (!stillRuns(process_)) return;
  try {
    process.kill(process_.pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function readText(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "latin1");
  } catch {
    return "";
  }
}

function readLink(pid: number, file: string): string {
  try {
    return readlinkSync(`/proc/${pid}/${file}`).replace(/ \(deleted\)$/, "");
  } catch {
    return "";
  }
}
