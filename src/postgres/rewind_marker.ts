import { access, rm } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { hasCode, syncDirectory, writeFileDurably } from "./durable_files.js";
import type { OsUser } from "./os_user.js";

/**
 * Beside a data directory, and not in it, since pg_rewind removes what its source has not: a rewind of it began. Until the
 * marker is gone the directory is no log, and no Postgres is started on it but to end that rewind.
 */
export function rewindMarkerPath(dataDir: string): string {
  return `${resolve(dataDir)}.rewind`;
}

export async function isTorn(dataDir: string): Promise<boolean> {
  return access(rewindMarkerPath(dataDir)).then(
    () => true,
    (error: unknown) => {
      if (hasCode(error, "ENOENT")) return false;
      throw error;
    },
  );
}

/** @param from for whoever finds it: the source and the term. */
export async function markTorn(dataDir: string, user: OsUser, from: string): Promise<void> {
  await writeFileDurably({ path: rewindMarkerPath(dataDir), content: `${from}\n`, user });
}

export async function clearTorn(dataDir: string): Promise<void> {
  const path = rewindMarkerPath(dataDir);
  await rm(path, { force: true });
  await syncDirectory(dirname(path));
}
