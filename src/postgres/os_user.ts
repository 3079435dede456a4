import { execFile } from "node:child_process";
import { chown, readFile, stat } from "node:fs/promises";
import { userInfo } from "node:os";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { hasCode } from "./durable_files.js";

const run = promisify(execFile);

/** The operating system's user that every Postgres program runs as. */
export interface OsUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  /** True if the sidecar is root and every Postgres program must be dropped to this user. */
  readonly drop: boolean;
}

export interface ChooseOsUserOptions {
  readonly configured?: string | null;
  /** An existing data directory: its owner is a candidate. */
  readonly dataDir?: string | null;
  /** Whether the sidecar is root; read from the process by default. */
  readonly root?: boolean;
}

/** Tried in this order when root and nothing else decides. */
const USUAL_NAMES = ["postgres", "nobody"];

/**
 * The current user; when root, since Postgres refuses root: the configured user, QUORATE_OS_USER, the owner of
 * the existing data directory (Postgres accepts no other), `postgres`, `nobody`.
 */
export async function chooseOsUser(options: ChooseOsUserOptions): Promise<OsUser> {
  if (!(options.root ?? process.geteuid?.() === 0)) return currentUser();
  const wanted = options.configured ?? process.env.QUORATE_OS_USER;
  if (wanted !== undefined && wanted !== "") {
    const user = await byName(wanted);
    if (user === null)
      throw new Error(`Postgres cannot run as ${wanted}: there is no such user; create it or name another one`);
    if (user.uid === 0)
      throw new Error(`Postgres cannot run as ${wanted}: Postgres refuses root; name an unprivileged user`);
    return user;
  }
  const owner = await ownerOf(options.dataDir ?? null);
  if (owner !== null) return owner;
  for (const name of USUAL_NAMES) {
    const user = await byName(name);
    if (user !== null && user.uid !== 0) return user;
  }
  throw new Error(
    "Postgres refuses to run as root and there is no user `postgres` or `nobody`; create one (useradd --system postgres) or name one in QUORATE_OS_USER",
  );
}

function currentUser(): OsUser {
  try {
    const info = userInfo();
    return { name: info.username, uid: info.uid, gid: info.gid, drop: false };
  } catch (cause) {
    throw new Error(
      `user id ${process.geteuid?.()} has no entry in the passwd database, and Postgres wants one; add it or run as another user`,
      { cause },
    );
  }
}

async function ownerOf(dataDir: string | null): Promise<OsUser | null> {
  if (dataDir === null) return null;
  try {
    const { uid } = await stat(dataDir);
    if (uid === 0) return null;
    const user = (await passwdEntries()).find((entry) => entry.uid === uid);
    if (user === undefined)
      throw new Error(`${dataDir} belongs to user id ${uid}, which has no passwd entry; add one or change the owner`);
    return user;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return null;
    throw error;
  }
}

async function byName(name: string): Promise<OsUser | null> {
  const local = (await passwdEntries()).find((entry) => entry.name === name);
  if (local !== undefined) return local;
  try {
    // Users of a directory service are not in /etc/passwd; `id` asks the system for them.
    const uid = await run("id", ["-u", "--", name]);
    const gid = await run("id", ["-g", "--", name]);
    return { name, uid: Number(uid.stdout), gid: Number(gid.stdout), drop: true };
  } catch {
    return null;
  }
}

async function passwdEntries(): Promise<OsUser[]> {
  const text = await readFile("/etc/passwd", "utf8").catch(() => "");
  return text.split("\n").flatMap((line) => {
    const [name, , uid, gid] = line.split(":");
    return name && uid && gid ? [{ name, uid: Number(uid), gid: Number(gid), drop: true }] : [];
  });
}

/** The options of child_process.spawn that make a child run as this user. */
export function spawnIdentity(user: OsUser): { uid?: number; gid?: number } {
  return user.drop ? { uid: user.uid, gid: user.gid } : {};
}

/** Makes the file or directory belong to the user; does nothing unless the sidecar is root. */
export async function giveTo(user: OsUser, path: string): Promise<void> {
  if (user.drop) await chown(path, user.uid, user.gid);
}

/** The nearest directory, from the root down to `path`, that the user may not enter; null if all are open. */
export async function closedDirectory(user: OsUser, path: string): Promise<string | null> {
  if (!user.drop) return null;
  const parent = dirname(path);
  const above = parent === path ? null : await closedDirectory(user, parent);
  if (above !== null) return above;
  const info = await stat(path);
  if (!info.isDirectory()) return null;
  // Group membership beyond the primary group is dropped at the spawn, so only these three bits count.
  const bit = info.uid === user.uid ? 0o100 : info.gid === user.gid ? 0o010 : 0o001;
  return (info.mode & bit) === 0 ? path : null;
}
