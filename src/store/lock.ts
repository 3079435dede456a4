import { randomBytes } from "node:crypto";
import { link, mkdir, readFile, rename, rm, stat, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";

const LOCK_FILE_NAME = "quorate.lock";
/** Rounds that others may spoil by taking or giving back the lock, and dead heirs in a row. */
const ROUNDS_MAX = 20;

export interface Lock {
  readonly path: string;
  /** Gives the lock back. A killed process need not: its lock is recognised as dead. */
  release(): Promise<void>;
}

export type LockResult =
  | { readonly kind: "locked"; readonly lock: Lock }
  /** What is wrong; what to do. */
  | { readonly kind: "refused"; readonly ownerPid: number | null; readonly message: string };

/** A process, in words that a later process with the same pid does not match. */
interface Owner {
  readonly pid: number;
  /** Clock ticks from boot to the start of the process; null where /proc does not exist. */
  readonly startTicks: string | null;
  /** Pids and ticks begin anew with each boot. */
  readonly bootId: string | null;
  readonly token: string;
}

/**
 * Takes the directory for this process alone, so that two sidecars never keep one node's promises.
 * The file is made whole under another name and linked into place: it is never seen half written,
 * and of two that try at once one wins. It outlives a kill -9, but names a process that is then dead.
 * Not seen: a sidecar in another container on the same volume, whose processes are invisible from here.
 */
export async function lockDirectory(directory: string): Promise<LockResult> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, LOCK_FILE_NAME);
  const token = randomBytes(12).toString("hex");
  const mine: Owner = { pid: process.pid, startTicks: await startTicksOf(process.pid), bootId: await bootId(), token };
  const draft = `${path}.${token}`;
  await writeFile(draft, `${JSON.stringify(mine)}\n`, { mode: 0o600 });
  try {
    for (let round = 0; round < ROUNDS_MAX; round++) {
      const outcome = await tryTake(path, draft);
      if (outcome === "again") continue;
      if (outcome === "taken") return { kind: "locked", lock: { path, release: () => release(path, token) } };
      return refusedBy(directory, path, outcome);
    }
    const message = `${path} changes hands all the time; stop the other sidecars and try again`;
    return { kind: "refused", ownerPid: null, message };
  } finally {
    await rm(draft, { force: true });
  }
}

function refusedBy(directory: string, path: string, owner: Owner | "unreadable"): LockResult {
  if (owner === "unreadable") {
    const message = `${path} is not a lock of Quorate's; make sure that no sidecar runs on ${directory}, then remove it`;
    return { kind: "refused", ownerPid: null, message };
  }
  const message = `${directory} is in use by a sidecar with pid ${owner.pid}; stop that one first, or correct data_dir or --node`;
  return { kind: "refused", ownerPid: owner.pid, message };
}

/**
 * One try. The lock of a dead owner is not removed but inherited: whoever links its draft to the dead one's
 * heir file, which only one can, may replace the lock. Two that find the same dead owner thus never both
 * win, and an heir that dies before it gets there has heirs itself.
 */
async function tryTake(path: string, draft: string): Promise<"taken" | "again" | "unreadable" | Owner> {
  if (await tryLink(draft, path)) return "taken";
  const dead: Owner[] = [];
  for (let place = path; dead.length < ROUNDS_MAX; ) {
    const owner = await readOwner(place);
    if (owner === "gone") return "again";
    if (owner === "unreadable" || (await isAlive(owner))) return owner;
    dead.push(owner);
    place = heirPath(path, owner);
    if (!(await tryLink(draft, place))) continue;
    // Somebody may have inherited, and cleared the heir files away, since we looked.
    if (!(await isChain(path, dead))) {
      await rm(place, { force: true });
      return "again";
    }
    await rename(draft, path);
    for (const owner of dead) await rm(heirPath(path, owner), { force: true });
    return "taken";
  }
  return "again";
}

function heirPath(path: string, dead: Owner): string {
  return `${path}.${dead.token}.heir`;
}

/** Whether the lock still names the first of them, and each one's heir file the next. */
async function isChain(path: string, dead: readonly Owner[]): Promise<boolean> {
  let place = path;
  for (const expected of dead) {
    const owner = await readOwner(place);
    if (typeof owner === "string" || owner.token !== expected.token) return false;
    place = heirPath(path, expected);
  }
  return true;
}

async function tryLink(draft: string, path: string): Promise<boolean> {
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

async function release(path: string, token: string): Promise<void> {
  const owner = await readOwner(path);
  if (typeof owner === "object" && owner.token === token) await unlink(path);
}

async function readOwner(path: string): Promise<Owner | "gone" | "unreadable"> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "gone";
    throw error;
  }
  try {
    const value = JSON.parse(text) as Partial<Owner>;
    if (!Number.isInteger(value.pid) || typeof value.token !== "string") return "unreadable";
    return {
      pid: value.pid as number,
      startTicks: value.startTicks ?? null,
      bootId: value.bootId ?? null,
      token: value.token,
    };
  } catch {
    return "unreadable";
  }
}

/** Whether exactly the process that wrote the lock still lives; in doubt it does. */
async function isAlive(owner: Owner): Promise<boolean> {
  const boot = await bootId();
  if (owner.bootId !== null && boot !== null && owner.bootId !== boot) return false;
  const ticks = await startTicksOf(owner.pid);
  if (owner.startTicks !== null && (await hasProc())) return ticks === owner.startTicks;
  try {
    process.kill(owner.pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

async function hasProc(): Promise<boolean> {
  return stat("/proc/self/stat").then(
    () => true,
    () => false,
  );
}

/** Null if there is no such process, if it is a zombie, which holds nothing any more, or without /proc. */
async function startTicksOf(pid: number): Promise<string | null> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => null);
  if (text === null) return null;
  // The name in parentheses may contain anything: the fields are counted after its end.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const state = fields[0];
  return state === "Z" || state === "X" ? null : (fields[19] ?? null);
}

async function bootId(): Promise<string | null> {
  return readFile("/proc/sys/kernel/random/boot_id", "utf8").then(
    (text) => text.trim(),
    () => null,
  );
}
