import type { ProcessId } from "./proc_table.js";

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

export async function readPostmasterPid(_dataDir: string): Promise<PostmasterPid | null> {
  throw new Error("not built yet");
}

/** The postmaster of this data directory if one really runs (postmaster.pid may be stale and name another process). */
export async function findPostmaster(_dataDir: string): Promise<ProcessId | null> {
  throw new Error("not built yet");
}
