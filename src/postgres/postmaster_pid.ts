import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { hasCode } from "./durable_files.js";
import type { ProcessId } from "./proc_table.js";
import { listByDataDir } from "./proc_table.js";

/** postmaster.pid, all from one read: Postgres rewrites it line by line. */
export interface PostmasterPid {
  readonly pid: number;
  readonly port: number | null;
  readonly socketDir: string | null;
  /** Status line: `starting`, `stopping`, `ready`, `standby`; null if not written yet. */
  readonly status: string | null;
  /** SysV shared memory segment, if it has one. */
  readonly shmId: number | null;
}

export const PID_FILE = "postmaster.pid";

export async function readPostmasterPid(dataDir: string): Promise<PostmasterPid | null> {
  try {
    return parsePostmasterPid(await readFile(join(dataDir, PID_FILE), "utf8"));
  } catch (error) {
    if (hasCode(error, "ENOENT")) return null;
    throw error;
  }
}

/** Null if not even the process id is there: Postgres has created the file and not yet written it. */
export function parsePostmasterPid(text: string): PostmasterPid | null {
  const lines = text.split("\n").map((line) => line.trim());
  // A standalone backend writes its number negated.
  const pid = Math.abs(Number(lines[0]));
  if (!Number.isSafeInteger(pid) || pid === 0) return null;
  return {
    pid,
    port: count(lines[3]),
    socketDir: lines[4] || null,
    shmId: count(lines[6]?.split(/\s+/)[1]),
    status: lines[7] || null,
  };
}

function count(text: string | undefined): number | null {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : null;
}

/** The postmaster of this data directory if one really runs (postmaster.pid may be stale and name another process). */
export async function findPostmaster(dataDir: string): Promise<ProcessId | null> {
  const named = await readPostmasterPid(dataDir);
  if (named === null) return null;
  const found = listByDataDir(dataDir).find(({ pid }) => pid === named.pid);
  return found === undefined ? null : { pid: found.pid, startTicks: found.startTicks };
}
