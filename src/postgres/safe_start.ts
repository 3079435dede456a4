import type { Binaries } from "./binaries.js";
import type { HbaOptions } from "./doors.js";
import type { NormalizeReport } from "./normalize.js";
import type { OsUser } from "./os_user.js";
import type { ProcessId } from "./proc_table.js";
import type { PostgresChild } from "./process.js";

export interface SafeStartOptions {
  readonly binaries: Binaries;
  readonly user: OsUser;
  readonly dataDir: string;
  /** Holds the hba file, Postgres' log and the socket directory. */
  readonly stateDir: string;
  readonly port: number;
  readonly listenAddresses: readonly string[];
  readonly hba: Omit<HbaOptions, "door">;
  readonly userSettings?: Readonly<Record<string, string>>;
  /** Written before the start; nobody's by default, never empty. */
  readonly synchronousStandbyNames?: string;
  readonly fast?: boolean;
  /** 60 s by default: replay after a crash can take long. */
  readonly deadlineMs?: number;
}

export interface Running {
  readonly child: PostgresChild | null;
  readonly process: ProcessId;
  readonly pid: number;
  readonly socketDir: string;
  readonly hbaFile: string;
  readonly logFile: string;
  readonly normalized: NormalizeReport;
  readonly startedMs: number;
}

/** The only way Postgres is ever started: as a standby of nobody, normalized, behind a shut door. */
export async function safeStart(_options: SafeStartOptions): Promise<Running> {
  throw new Error("not built yet");
}
