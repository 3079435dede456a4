import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { lookAs, type Owner } from "./look_as.js";

/** A process that cannot be mistaken for a later one with the same number. */
export interface ProcessId {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat, clock ticks since boot; null where there is no /proc. */
  readonly startTicks: string | null;
}

interface ProcStat {
  /** The program's name, which a process title does not change. */
  readonly name: string;
  readonly state: string;
  readonly parent: number;
  readonly startTicks: string;
}

/*
 * Synchronous on purpose: /proc never waits for a disk, a fence wants the list and the signals without another
 * event in between, and a scan of some hundred processes takes a few milliseconds.
 */
const PROC = "/proc";

export const HAS_PROC = process.platform === "linux" && readStat(process.pid) !== null;

function readStat(pid: number): ProcStat | null {
  let text: string;
  try {
    text = readFileSync(join(PROC, String(pid), "stat"), "latin1");
  } catch {
    return null;
  }
  // The second field is the command in parentheses and may hold blanks and parentheses of its own.
  const nameEnds = text.lastIndexOf(")");
  const fields = text.slice(nameEnds + 2).split(" ");
  const [state, parent] = fields;
  const startTicks = fields[19];
  if (state === undefined || parent === undefined || startTicks === undefined) return null;
  return { name: text.slice(text.indexOf("(") + 1, nameEnds), state, parent: Number(parent), startTicks };
}

/** A zombie looks alive to kill(pid, 0) if nobody reaps it, as in a container whose init does not. */
function runs(stat: ProcStat): boolean {
  return stat.state !== "Z" && stat.state !== "X";
}

/** The process with this number if it runs; a zombie does not. */
export function identify(pid: number): ProcessId | null {
  if (!Number.isSafeInteger(pid) || pid <= 0) return null;
  if (HAS_PROC) {
    const stat = readStat(pid);
    return stat !== null && runs(stat) ? { pid, startTicks: stat.startTicks } : null;
  }
  return answersSignalZero(pid) ? { pid, startTicks: null } : null;
}

function answersSignalZero(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

export function isRunning(id: ProcessId): boolean {
  return identify(id.pid)?.startTicks === id.startTicks;
}

/** Sends the signal to exactly this process; false if it is gone. Never to a group: every backend is a group of its own. */
export function signal(id: ProcessId, name: NodeJS.Signals): boolean {
  if (!isRunning(id)) return false;
  try {
    process.kill(id.pid, name);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ESRCH") return false;
    throw new Error(`cannot send ${name} to process ${id.pid}; the sidecar has to run as Postgres' user or as root`, {
      cause: error,
    });
  }
}

function pids(): number[] {
  return readdirSync(PROC).flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []));
}

/** The children of this process that run. Empty where there is no /proc. */
export function listChildren(pid: number): ProcessId[] {
  if (!HAS_PROC) return [];
  return pids().flatMap((child) => {
    const stat = readStat(child);
    return stat !== null && stat.parent === pid && runs(stat) ? [{ pid: child, startTicks: stat.startTicks }] : [];
  });
}

export interface DataDirProcess extends ProcessId {
  readonly parent: number;
}

/**
 * Every postgres process whose working directory is the data directory, its postmaster included.
 * Compared by device and inode: the path may be spelled differently, or the directory renamed.
 * @throws if one may be of it and cannot be looked at: nobody may take an empty list for a Postgres that is fenced.
 */
export function listByDataDir(dataDir: string): DataDirProcess[] {
  if (!HAS_PROC) return byPidFile(dataDir);
  const directory = statSync(dataDir, { throwIfNoEntry: false });
  if (directory === undefined) return [];
  let seenByOwner: ReadonlySet<number> | null = null;
  return pids().flatMap((pid) => {
    try {
      const cwd = statSync(join(PROC, String(pid), "cwd"));
      if (cwd.ino !== directory.ino || cwd.dev !== directory.dev || !isPostgres(pid)) return [];
    } catch (error) {
      // Gone meanwhile, a zombie, no Postgres, or another user's: a data directory is its postmaster's own.
      const owner = isDenied(error) ? maybeOwnerOf(pid, directory.uid) : null;
      if (owner === null) return [];
      seenByOwner ??= lookAs(owner, dataDir);
      if (seenByOwner === null) throw new Error(unseen(pid, dataDir), { cause: error });
      if (!seenByOwner.has(pid)) return [];
    }
    const stat = readStat(pid);
    return stat !== null && runs(stat) ? [{ pid, startTicks: stat.startTicks, parent: stat.parent }] : [];
  });
}

function isDenied(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "EACCES" || error.code === "EPERM");
}

/** What /proc tells everybody; null if it is no Postgres of this user. One that nobody may look into belongs to root there. */
function maybeOwnerOf(pid: number, uid: number): Owner | null {
  const stat = readStat(pid);
  if (stat === null || !runs(stat) || !PROGRAMS.has(stat.name)) return null;
  const owner = statSync(join(PROC, String(pid)), { throwIfNoEntry: false });
  return owner !== undefined && (owner.uid === uid || owner.uid === 0) ? { uid, gid: owner.gid } : null;
}

function unseen(pid: number, dataDir: string): string {
  return `process ${pid} may be a Postgres of ${dataDir}, and the sidecar is not allowed to look; ${MAY_LOOK}`;
}

const MAY_LOOK =
  "install bash, give it the capability CAP_SYS_PTRACE (a container: `--cap-add SYS_PTRACE`), or run it as Postgres' user";
const CAP_SYS_PTRACE = 1n << 19n;

/**
 * Why this process cannot see, and so not end, the processes of this user; null if it can, if need be by a child that is this
 * user.
 */
export function blindnessTo(user: Owner & { readonly name: string; readonly drop: boolean }): string | null {
  if (!HAS_PROC || !user.drop) return null;
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync(join(PROC, "self", "status"), "latin1"))?.[1];
  if (effective !== undefined && (BigInt(`0x${effective}`) & CAP_SYS_PTRACE) !== 0n) return null;
  if (lookAs(user, PROC) !== null) return null;
  return `the sidecar is root, and yet may not look at processes of ${user.name}: it could not fence its Postgres; ${MAY_LOOK}`;
}

/** A pg_rewind that outlived its sidecar works in the directory as well, and must not go on under whatever comes next. */
const PROGRAMS: ReadonlySet<string> = new Set(["postgres", "pg_rewind"]);

function isPostgres(pid: number): boolean {
  // A program that was upgraded under a running Postgres is marked as deleted.
  const program = readlinkSync(join(PROC, String(pid), "exe")).replace(/ \(deleted\)$/, "");
  return PROGRAMS.has(basename(program));
}

function byPidFile(dataDir: string): DataDirProcess[] {
  try {
    const first = readFileSync(join(dataDir, "postmaster.pid"), "latin1").split("\n")[0];
    const found = identify(Math.abs(Number(first)));
    return found === null ? [] : [{ ...found, parent: 0 }];
  } catch {
    return [];
  }
}

/** The process title that Postgres shows in `ps`; null if it is gone. */
export function title(pid: number): string | null {
  try {
    return readFileSync(join(PROC, String(pid), "cmdline"), "latin1")
      .replaceAll("\0", " ")
      .trim();
  } catch {
    return null;
  }
}
