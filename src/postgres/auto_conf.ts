import type { OsUser } from "./os_user.js";

/** A setting of postgresql.auto.conf; null removes it. */
export type AutoConfChanges = Readonly<Record<string, string | null>>;

/** Rewrites postgresql.auto.conf durably (temp, fsync, rename, fsync of the directory); foreign lines are kept. */
export async function writeAutoConf(_dataDir: string, _changes: AutoConfChanges, _user: OsUser): Promise<void> {
  throw new Error("not built yet");
}

/** What postgresql.auto.conf says now; the last line of a name wins, as in Postgres. */
export async function readAutoConf(_dataDir: string): Promise<Record<string, string>> {
  throw new Error("not built yet");
}
