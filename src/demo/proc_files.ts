import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { basename } from "node:path";
import { type Inside, type Owner, seenAs } from "./seen_as.js";

/** One running process as /proc shows it. Without a /proc (macOS) there are none to be seen. */
export interface ProcEntry {
  readonly pid: number;
  readonly parent: number;
  /** Clock ticks since boot: with the number, what cannot be mistaken for a later process. */
  readonly startTicks: string;
  /** Name of the program, of 15 characters at most where its file may not be seen. */
  readonly program: string;
  /** Empty if it may not be seen. */
  readonly cwd: string;
  readonly args: readonly string[];
  /** What was in its environment when it was started, where that can only be seen as its user; else it is looked up. */
  readonly variables: readonly string[] | null;
}

/** Every process that runs; zombies do not. Synchronous: a list that is made while others change it is no list. */
export function listProc(): readonly ProcEntry[] {
  let names: readonly string[];
  try {
    names = readdirSync("/proc");
  } catch {
    return [];
  }
  return withHidden(names.flatMap((name) => (/^\d+$/.test(name) ? (readEntry(Number(name)) ?? []) : [])));
}

/** Root may lack the right to look at other users' processes, and may look as each of them. */
function withHidden(entries: readonly ProcEntry[]): readonly ProcEntry[] {
  if (process.geteuid?.() !== 0) return entries;
  const owners = new Map<string, Owner & { readonly pids: number[] }>();
  // A thread of the kernel has no arguments, and nothing to be seen.
  for (const { pid } of entries.filter(({ cwd, args }) => cwd === "" && args.length > 0)) {
    const owner = statSync(`/proc/${pid}`, { throwIfNoEntry: false });
    if (owner === undefined || owner.uid === 0) continue;
    const key = `${owner.uid}:${owner.gid}`;
    const group = owners.get(key) ?? { uid: owner.uid, gid: owner.gid, pids: [] };
    group.pids.push(pid);
    owners.set(key, group);
  }
  const seen = new Map<number, Inside>([...owners.values()].flatMap((group) => [...seenAs(group, group.pids)]));
  return seen.size === 0 ? entries : entries.map((entry) => ({ ...entry, ...seen.get(entry.pid) }));
}

export function readEntry(pid: number): ProcEntry | null {
  const stat = readText(pid, "stat");
  // The second field is the command in parentheses and may hold blanks and parentheses of its own.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state, parent] = fields;
  const name = stat.slice(stat.indexOf("(") + 1, stat.lastIndexOf(")"));
  const startTicks = fields[19];
  if (parent === undefined || startTicks === undefined || state === "Z" || state === "X") return null;
  return {
    pid,
    parent: Number(parent),
    startTicks,
    program: basename(readLink(pid, "exe")) || name,
    cwd: readLink(pid, "cwd"),
    args: readText(pid, "cmdline").split("\0").filter(Boolean),
    variables: null,
  };
}

/** Whether a variable was in its environment when it was started. */
export function hasVariable({ pid, variables }: ProcEntry, name: string, value: string): boolean {
  return (variables ?? readText(pid, "environ").split("\0")).includes(`${name}=${value}`);
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
