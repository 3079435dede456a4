export interface FenceReport {
  /** Processes that had to be ended. */
  readonly ended: number;
  /** Of them, those that only SIGKILL ended. */
  readonly killed: number;
  readonly tookMs: number;
}

export interface FenceOptions {
  readonly dataDir: string;
  /** From SIGQUIT to SIGKILL; 100 by default, 0 = SIGKILL at once (after a freeze, POSTGRES.md F). */
  readonly graceMs?: number;
  /** How long to wait until none is left; 10 s by default. */
  readonly deadlineMs?: number;
}

/** Ends this Postgres and every process of it, ours or not; resolves when none is left. Idempotent. */
export async function fence(_options: FenceOptions): Promise<FenceReport> {
  throw new Error("not built yet");
}

/** As `fence`, but only if there is no postmaster: what a killed postmaster left behind; removes its stale postmaster.pid. */
export async function sweepOrphans(_options: FenceOptions): Promise<FenceReport> {
  throw new Error("not built yet");
}

/** A clean stop (SIGINT). Rejects if it is not over in time; the caller then fences. */
export async function stopFast(_options: { readonly dataDir: string; readonly deadlineMs: number }): Promise<void> {
  throw new Error("not built yet");
}

/** Frees the SysV segment of a fenced Postgres whose directory goes away; true if none is left. */
export async function releaseSharedMemory(_dataDir: string): Promise<boolean> {
  throw new Error("not built yet");
}
