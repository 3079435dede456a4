/** A process that cannot be mistaken for a later one with the same number. */
export interface ProcessId {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat, clock ticks since boot; null where there is no /proc. */
  readonly startTicks: string | null;
}

/** The process with this number if it runs; a zombie does not. */
export function identify(_pid: number): ProcessId | null {
  throw new Error("not built yet");
}

export function isRunning(_id: ProcessId): boolean {
  throw new Error("not built yet");
}

/** The children of this process that run. Empty where there is no /proc. */
export function listChildren(_pid: number): ProcessId[] {
  throw new Error("not built yet");
}

/** Every postgres process whose working directory is the data directory, its postmaster included. */
export function listByDataDir(_dataDir: string): ProcessId[] {
  throw new Error("not built yet");
}
