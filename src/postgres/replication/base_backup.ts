import { type ChildProcess, fork } from "node:child_process";
import { lstat, mkdir, rm, rmdir } from "node:fs/promises";
import { dirname, extname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { KEEP_FREE_BYTES } from "../disk_room.js";
import { hasCode, syncDirectory } from "../durable_files.js";
import { giveTo, type OsUser } from "../os_user.js";
import type { BackupProgress, BackupSource, FromChild, StartBackup } from "./base_backup_protocol.js";
import {
  type BackupEnds,
  type MarkOptions,
  markComplete,
  markIncomplete,
  newTablespacesDir,
  parseEnds,
  readCloneMarker,
  removeCloneMarker,
} from "./clone_marker.js";

export interface BaseBackupOptions {
  readonly source: BackupSource;
  /** Must not exist, or be a leftover of ours. */
  readonly dir: string;
  readonly user: OsUser;
  /** Shown in pg_stat_replication and pg_stat_progress_basebackup. */
  readonly applicationName: string;
  /** Throttle in kB/s, 32 to 1048576; none by default. */
  readonly maxRateKbPerS?: number;
  /** Clones that the source serves at the same time, ours among them; more wait for their turn. */
  readonly atOnce?: number;
  /** What is to be free on the disk when the clone is there; else it is refused before its first byte. */
  readonly keepFreeBytes?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: BackupProgress) => void;
}

/** The clone failed and its directory is gone again; the message names the cause and the next step. */
export class CloneFailed extends Error {
  override readonly name = "CloneFailed";
}

const CONNECT_TIMEOUT_MS = 5_000;
const KILL_AFTER_MS = 2_000;
/** Syncs wait in libuv's threads, four of them by default. */
const CHILD_THREADS = "16";
const HERE = fileURLToPath(import.meta.url);
const LABEL = "quorate";
/** Of slots that are no follower's: `quorate_` is the prefix of those. */
const TURN_PREFIX = "quorateclone_";
const AT_ONCE = 2;

/**
 * Clones a running Postgres into `dir`, in a child process. The marker beside it says `incomplete` before the first
 * byte and `complete` after the last sync, so that whatever dies in between leaves a recognisable leftover; on every
 * failure that this process survives, nothing is left behind at all.
 */
export async function baseBackup(options: BaseBackupOptions): Promise<BackupEnds> {
  const cloneDir = resolve(options.dir);
  await removeLeftover(cloneDir);
  const marked: MarkOptions = { cloneDir, tablespacesDir: newTablespacesDir(cloneDir), user: options.user };
  let made = false;
  try {
    options.signal?.throwIfAborted();
    await markIncomplete(marked);
    await mkdir(cloneDir, { mode: 0o700 });
    made = true;
    await mkdir(marked.tablespacesDir, { mode: 0o700 });
    for (const path of [cloneDir, marked.tablespacesDir]) await giveTo(options.user, path);
    const ends = await runChild(options, marked);
    await removeIfEmpty(marked.tablespacesDir);
    await syncDirectory(dirname(cloneDir));
    await markComplete(marked, ends);
    return ends;
  } catch (cause) {
    // A directory that somebody else made meanwhile is not ours to remove.
    await (made ? remove(cloneDir, marked.tablespacesDir) : removeCloneMarker(cloneDir));
    if (cause instanceof CloneFailed) throw cause;
    throw new CloneFailed(`cannot clone into ${cloneDir}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}

/** Removes a clone that was never finished, or is no longer wanted; refuses a directory without our marker. */
export async function discardClone(dir: string): Promise<void> {
  const cloneDir = resolve(dir);
  const marker = await readCloneMarker(cloneDir);
  switch (marker.kind) {
    case "damaged":
      throw new CloneFailed(marker.reason);
    case "none":
      if (await exists(cloneDir))
        throw new CloneFailed(`${cloneDir} is no clone of ours: move it away by hand if it is not wanted`);
      return;
    case "incomplete":
    case "complete":
      return remove(cloneDir, marker.tablespacesDir);
  }
}

async function removeLeftover(cloneDir: string): Promise<void> {
  const marker = await readCloneMarker(cloneDir);
  if (marker.kind === "complete")
    throw new CloneFailed(`${cloneDir} is a complete clone already: swap it in or discard it first`);
  await discardClone(cloneDir);
}

/** The marker goes last: a crash in between must leave the directories recognisable. */
async function remove(cloneDir: string, tablespacesDir: string): Promise<void> {
  for (const path of [tablespacesDir, cloneDir]) await rm(path, { recursive: true, force: true });
  await syncDirectory(dirname(cloneDir));
  await removeCloneMarker(cloneDir);
}

async function removeIfEmpty(path: string): Promise<void> {
  try {
    await rmdir(path);
  } catch (error) {
    if (!hasCode(error, "ENOTEMPTY", "EEXIST")) throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return false;
    throw error;
  }
}

/** The WAL comes along, so that the clone starts without any help; archiving is not waited for. */
function backupCommand({ maxRateKbPerS }: BaseBackupOptions): string {
  const rate = maxRateKbPerS === undefined ? "" : `, MAX_RATE ${Math.trunc(maxRateKbPerS)}`;
  return `BASE_BACKUP (LABEL '${LABEL}', PROGRESS true, CHECKPOINT 'fast', WAL true, WAIT false, MANIFEST 'yes'${rate})`;
}

function runChild(options: BaseBackupOptions, { cloneDir, tablespacesDir }: MarkOptions): Promise<BackupEnds> {
  const { source, applicationName, user } = options;
  const child = forkChild();
  const stop = () => stopChild(child);
  options.signal?.addEventListener("abort", stop, { once: true });
  const identity = user.drop ? { uid: user.uid, gid: user.gid } : null;
  const start: StartBackup = {
    source,
    applicationName,
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    dir: cloneDir,
    tablespacesDir,
    command: backupCommand(options),
    turns: Array.from({ length: options.atOnce ?? AT_ONCE }, (_, index) => `${TURN_PREFIX}${index + 1}`),
    keepFreeBytes: options.keepFreeBytes ?? KEEP_FREE_BYTES,
    identity,
  };
  child.send(start, () => undefined);
  return watchChild(child, options).finally(() => options.signal?.removeEventListener("abort", stop));
}

/** Compiled, the child is JavaScript beside this file; in tests both are TypeScript and need the loader. */
function forkChild(): ChildProcess {
  const extension = extname(HERE);
  return fork(`${HERE.slice(0, -extension.length)}_child${extension}`, [], {
    cwd: dirname(HERE),
    execArgv: extension === ".ts" ? ["--import", "tsx"] : [],
    env: { ...process.env, UV_THREADPOOL_SIZE: CHILD_THREADS },
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
}

function stopChild(child: ChildProcess): void {
  child.kill("SIGTERM");
  const kill = setTimeout(() => child.kill("SIGKILL"), KILL_AFTER_MS);
  child.once("exit", () => clearTimeout(kill));
}

/** Resolves only after the child has ended: nothing writes into the directory any more. */
function watchChild(child: ChildProcess, options: BaseBackupOptions): Promise<BackupEnds> {
  return new Promise((done, fail) => {
    let last: FromChild | null = null;
    let progress: BackupProgress = { receivedBytes: 0, totalBytes: null, phase: "copying" };
    child.on("message", (message) => {
      last = message as FromChild;
      if (last.kind === "progress") progress = last.progress;
      else if (last.kind !== "done" && last.kind !== "failed") progress = { ...progress, phase: last.kind };
      else return;
      options.onProgress?.(progress);
    });
    child.once("error", (cause) => fail(new CloneFailed("the clone's process cannot be started", { cause })));
    child.once("close", (code, signal) => {
      if (last?.kind === "done" && code === 0) done(parseEnds(last.ends));
      else fail(new CloneFailed(failure(last, code, signal, options)));
    });
  });
}

function failure(
  last: FromChild | null,
  code: number | null,
  signal: NodeJS.Signals | null,
  options: BaseBackupOptions,
): string {
  const { host, port } = options.source;
  if (options.signal?.aborted) return `the clone of ${host}:${port} was called off`;
  if (last?.kind !== "failed")
    return `the process that cloned ${host}:${port} ended (${signal ?? `exit code ${code}`}); it can be tried again`;
  if (last.code === "ENOSPC")
    return `no space left for a clone of ${host}:${port} in ${dirname(options.dir)}: ${last.reason}; make room, then try again`;
  if (last.code === "57P01")
    return `${host}:${port} ended the clone: somebody ended its session, or more WAL was written meanwhile than is kept there for it (rejoin.keep_wal); raise that, or rejoin.max_rate`;
  return `cloning ${host}:${port} failed: ${last.reason}; see that it runs and lets ${options.source.user} replicate, then try again`;
}
