import type { OsUser } from "../os_user.js";
import type { BackupEnds } from "./clone_marker.js";

export interface BackupSource {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
}

export interface BaseBackupOptions {
  readonly source: BackupSource;
  /** Must not exist, or be a leftover of ours. */
  readonly dir: string;
  readonly user: OsUser;
  /** Shown in pg_stat_replication and pg_stat_progress_basebackup. */
  readonly applicationName: string;
  /** Throttle in kB/s, 32 to 1048576; none by default. */
  readonly maxRateKbPerS?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: BackupProgress) => void;
}

/** `totalBytes` is Postgres' estimate: more may arrive. */
export interface BackupProgress {
  readonly receivedBytes: number;
  readonly totalBytes: number | null;
  readonly phase: "waiting_for_checkpoint" | "copying" | "syncing";
}

/** The clone failed and its directory is gone again; the message names the cause and the next step. */
export class CloneFailed extends Error {
  override readonly name = "CloneFailed";
}

/** Clones a running Postgres into `dir`, in a child process. On failure nothing is left behind. */
export async function baseBackup(_options: BaseBackupOptions): Promise<BackupEnds> {
  throw new Error("not built yet");
}

/** Removes a clone that was never finished, or is no longer wanted; refuses a directory without our marker. */
export async function discardClone(_dir: string): Promise<void> {
  throw new Error("not built yet");
}
