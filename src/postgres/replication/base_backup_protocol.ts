import type { BackupEndsText } from "./clone_marker.js";

/** What the sidecar and the child that streams a clone say to each other: JSON, so no bigint. */
export interface StartBackup {
  readonly source: BackupSource;
  readonly applicationName: string;
  readonly connectTimeoutMs: number;
  readonly dir: string;
  readonly tablespacesDir: string;
  /** The BASE_BACKUP command. */
  readonly command: string;
  /** Temporary slots of the source, one of which is held while it serves this clone: whoever finds all taken waits. */
  readonly turns: readonly string[];
  /** What is to be free on the disk afterwards. */
  readonly keepFreeBytes: number;
  /** Whom a child of root becomes. */
  readonly identity: { readonly uid: number; readonly gid: number } | null;
}

export interface BackupSource {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string | null;
}

/** `totalBytes` is Postgres' estimate: more may arrive. */
export interface BackupProgress {
  readonly receivedBytes: number;
  readonly totalBytes: number | null;
  readonly phase: "waiting_for_turn" | "waiting_for_checkpoint" | "copying" | "syncing";
}

export type FromChild =
  | { readonly kind: "progress"; readonly progress: BackupProgress }
  | { readonly kind: "waiting_for_turn" | "waiting_for_checkpoint" | "syncing" }
  | { readonly kind: "done"; readonly ends: BackupEndsText }
  | { readonly kind: "failed"; readonly code: string | null; readonly reason: string };
