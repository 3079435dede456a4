import type { Term } from "../core/log/position.js";

export interface NormalizeReport {
  /** The newest timeline that this directory really holds. */
  readonly timeline: Term;
  /** Files deleted from pg_wal and pg_wal/archive_status, relative to pg_wal. */
  readonly deleted: readonly string[];
  /** Nothing was looked at: a fresh clone's backup_label rules. */
  readonly skipped: "backup_label" | null;
}

/** Makes a *stopped* data directory forget timelines it never really held (POSTGRES.md A.1, traps 2, 3, 11). */
export async function normalize(_dataDir: string): Promise<NormalizeReport> {
  throw new Error("not built yet");
}
