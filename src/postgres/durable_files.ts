import { randomBytes } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import type { OsUser } from "./os_user.js";

/** Makes creations, renames and deletions inside the directory survive a power cut. */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

export interface DurableFile {
  readonly path: string;
  readonly content: string;
  readonly user: OsUser;
  /**
   * How far it must survive a power cut. `directory`, the default: the new text is there. `file`: the old or the new.
   * `none`: the file may be gone, for what every safe start writes anew before Postgres reads it.
   */
  readonly sync?: "directory" | "file" | "none";
}

/** Replaces the file as a whole: whoever reads it, after whatever crash, sees the old text or the new one. */
export async function writeFileDurably({ path, content, user, sync = "directory" }: DurableFile): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    const handle = await open(temporary, "wx", 0o600);
    try {
      await handle.writeFile(content);
      if (user.drop) await handle.chown(user.uid, user.gid);
      if (sync !== "none") await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw new Error(`cannot write ${path}; check the free space and the owner of its directory`, { cause });
  }
  if (sync === "directory") await syncDirectory(dirname(path));
}

/** True if the error of a file operation has this code, such as `ENOENT`. */
export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && "code" in error && typeof error.code === "string" && codes.includes(error.code);
}
