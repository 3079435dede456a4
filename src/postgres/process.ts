import type { Binaries } from "./binaries.js";
import type { OsUser } from "./os_user.js";

export interface SpawnPostgresOptions {
  readonly binaries: Binaries;
  readonly user: OsUser;
  readonly dataDir: string;
  /** From `commandLine`. */
  readonly args: readonly string[];
  /** Appended to; a file and not a pipe, since an undrained pipe hangs backends (POSTGRES.md E). */
  readonly logFile: string;
}

export interface ExitStatus {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A postmaster that is our child. */
export interface PostgresChild {
  readonly pid: number;
  /** Resolves when the postmaster has ended; never rejects. */
  readonly exited: Promise<ExitStatus>;
  /** Set as soon as it has ended. */
  exitStatus(): ExitStatus | null;
}

/** Starts the postmaster, detached. Only `safeStart` calls this: Postgres has no other way to start. */
export async function spawnPostgres(_options: SpawnPostgresOptions): Promise<PostgresChild> {
  throw new Error("not built yet");
}
