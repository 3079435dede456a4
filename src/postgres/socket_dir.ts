import { createHash } from "node:crypto";
import { lstat, mkdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { hasCode } from "./durable_files.js";
import type { OsUser } from "./os_user.js";
import { giveTo } from "./os_user.js";

/** sun_path holds 104 bytes on macOS, 108 on Linux, each with a NUL. */
const SOCKET_PATH_BYTES_MAX = 103;
const SOCKET_FILE_LONGEST = "/.s.PGSQL.65535.lock";

/** The private socket directory for a state directory: inside it, or under the OS temp dir if that path is too long for a socket. */
export function socketDirFor(stateDir: string): string {
  const inside = join(resolve(stateDir), "socket");
  if (Buffer.byteLength(inside + SOCKET_FILE_LONGEST) <= SOCKET_PATH_BYTES_MAX) return inside;
  const name = createHash("sha256").update(resolve(stateDir)).digest("hex").slice(0, 16);
  return join(tmpdir(), `quorate-${name}`);
}

/**
 * Creates it 0700 and owned by the user, since whoever can enter it is trusted as superuser; refuses one that
 * somebody else made (anybody may create a name under the temp dir).
 */
export async function makeSocketDir(stateDir: string, user: OsUser): Promise<string> {
  const path = socketDirFor(stateDir);
  try {
    await mkdir(path, { mode: 0o700 });
    await giveTo(user, path);
    return path;
  } catch (error) {
    if (!hasCode(error, "EEXIST"))
      throw new Error(`cannot create the socket directory ${path}; check the owner of its parent`, { cause: error });
  }
  const info = await lstat(path);
  const closed = info.isDirectory() && (info.mode & 0o077) === 0;
  if (closed && info.uid === user.uid) return path;
  if (closed && info.uid === process.geteuid?.()) {
    // A sidecar of root that was killed before it gave the directory away; nobody else can have entered it.
    await giveTo(user, path);
    return path;
  }
  throw new Error(`the socket directory ${path} has to be a directory of user ${user.name} with mode 0700; remove it`);
}

/** Removes it after a clean stop. */
export async function removeSocketDir(stateDir: string): Promise<void> {
  await rm(socketDirFor(stateDir), { recursive: true, force: true });
}

/** What a killed Postgres left in it: a stale lock file that names some living process blocks the next start. */
export async function clearSockets(socketDir: string, port: number): Promise<void> {
  const socket = join(socketDir, `.s.PGSQL.${port}`);
  await rm(socket, { force: true });
  await rm(`${socket}.lock`, { force: true });
}
