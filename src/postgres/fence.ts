import { execFile } from "node:child_process";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { findPostmaster, PID_FILE, readPostmasterPid } from "./postmaster_pid.js";
import type { DataDirProcess, ProcessId } from "./proc_table.js";
import { isRunning, listByDataDir, signal } from "./proc_table.js";

const run = promisify(execFile);

const GRACE_MS = 100;
const DEADLINE_MS = 10_000;
const POLL_MS = 3;

export interface FenceReport {
  /** Processes that had to be ended. */
  readonly ended: number;
  /** Of them, those that only SIGKILL ended. */
  readonly killed: number;
  readonly tookMs: number;
}

export interface FenceOptions {
  readonly dataDir: string;
  /** From SIGQUIT to SIGKILL; 100 by default, 0 = SIGKILL at once (after a freeze, POSTGRES.md F). */
  readonly graceMs?: number;
  /** How long to wait until none is left; 10 s by default. */
  readonly deadlineMs?: number;
}

/**
 * Ends this Postgres and every process of it, ours or not; resolves when none is left. Idempotent.
 *
 * SIGQUIT and never SIGTERM: a commit that waits for its quorum must die as it is, since a cancelled one becomes
 * visible without being decided (POSTGRES.md trap 19). For the same reason the survivors are killed before the
 * postmaster, which is frozen meanwhile so that it starts no others: when a backend sees its postmaster die, it
 * gives up waiting and shows its rows for the milliseconds that it still lives.
 */
export async function fence(options: FenceOptions): Promise<FenceReport> {
  const startedAt = performance.now();
  const graceMs = options.graceMs ?? GRACE_MS;
  const known = new Map<number, ProcessId>();
  let processes = list(options.dataDir, known);
  if (graceMs > 0) {
    for (const root of roots(processes)) signal(root, "SIGQUIT");
    const graceEnds = startedAt + graceMs;
    while (performance.now() < graceEnds && anyRuns(known)) await delay(POLL_MS);
  }
  let killed = 0;
  const deadline = startedAt + (options.deadlineMs ?? DEADLINE_MS);
  const hit = new Set<number>();
  for (;;) {
    // Listed again each time: the postmaster may have started another process before it got the signal.
    processes = list(options.dataDir, known);
    const alive = [...known.values()].filter(isRunning);
    if (alive.length === 0) break;
    killed += kill(alive, roots(processes), hit);
    if (performance.now() > deadline) throw stuck(options, alive);
    await delay(POLL_MS);
  }
  return { ended: known.size, killed, tookMs: performance.now() - startedAt };
}

/** Adds all that runs to `known`; what was seen once stays known until it is gone. */
function list(dataDir: string, known: Map<number, ProcessId>): DataDirProcess[] {
  const processes = listByDataDir(dataDir);
  for (const { pid, startTicks } of processes) known.set(pid, { pid, startTicks });
  return processes;
}

/** The postmaster, or orphans of a dead one: those whose parent is not of this Postgres. */
function roots(processes: readonly DataDirProcess[]): DataDirProcess[] {
  const own = new Set(processes.map(({ pid }) => pid));
  return processes.filter(({ parent }) => !own.has(parent));
}

/** Children first, then the postmaster; each once. Returns how many were hit for the first time. */
function kill(alive: readonly ProcessId[], postmasters: readonly ProcessId[], hit: Set<number>): number {
  const first = hit.size;
  const isRoot = new Set(postmasters.map(({ pid }) => pid));
  for (const root of alive.filter(({ pid }) => isRoot.has(pid))) signal(root, "SIGSTOP");
  for (const process of [...alive].sort((a, b) => Number(isRoot.has(a.pid)) - Number(isRoot.has(b.pid)))) {
    if (signal(process, "SIGKILL")) hit.add(process.pid);
  }
  return hit.size - first;
}

function anyRuns(known: ReadonlyMap<number, ProcessId>): boolean {
  for (const process of known.values()) if (isRunning(process)) return true;
  return false;
}

function stuck(options: FenceOptions, alive: readonly ProcessId[]): Error {
  const pids = alive.map(({ pid }) => pid).join(", ");
  return new Error(
    `fence: processes ${pids} of ${options.dataDir} survived SIGKILL for ${options.deadlineMs ?? DEADLINE_MS} ms, so they hang in the kernel; look at the disk (dmesg), or restart the host`,
  );
}

/**
 * Ends what a killed postmaster left behind: a CPU-bound backend lives on, blocks the next start, and may even
 * acknowledge a commit (POSTGRES.md E). Removes the postmaster.pid, which is then proven stale; it may name a
 * living process that has nothing to do with Postgres and would block the start as well.
 */
export async function sweepOrphans(options: FenceOptions): Promise<FenceReport> {
  const postmaster = await findPostmaster(options.dataDir);
  if (postmaster !== null) {
    throw new Error(
      `Postgres ${postmaster.pid} already runs on ${options.dataDir}; fence it first, or stop whoever started it`,
    );
  }
  const report = await fence(options);
  await rm(join(options.dataDir, PID_FILE), { force: true });
  return report;
}

/** A clean stop (SIGINT). Rejects if it is not over in time; the caller then fences. */
export async function stopFast(options: { readonly dataDir: string; readonly deadlineMs: number }): Promise<void> {
  const postmaster = await findPostmaster(options.dataDir);
  if (postmaster === null) return;
  signal(postmaster, "SIGINT");
  const deadline = performance.now() + options.deadlineMs;
  while (isRunning(postmaster)) {
    if (performance.now() > deadline)
      throw new Error(`Postgres ${postmaster.pid} did not stop within ${options.deadlineMs} ms; fence it`);
    await delay(POLL_MS);
  }
}

/**
 * Frees the SysV segment of a fenced Postgres whose directory goes away; true if none is left. A directory that
 * stays needs no such thing: its next start takes the segment over. To be called before `sweepOrphans`.
 */
export async function releaseSharedMemory(dataDir: string): Promise<boolean> {
  const named = await readPostmasterPid(dataDir);
  if (named === null || named.shmId === null || listByDataDir(dataDir).length > 0) return named === null;
  const attached = await attachments(named.shmId);
  if (attached === "unknown") return false;
  if (attached === null) return true;
  if (attached > 0) return false;
  return run("ipcrm", ["-m", String(named.shmId)]).then(
    () => true,
    () => false,
  );
}

/** How many processes are attached to the segment; null if there is none. */
async function attachments(shmId: number): Promise<number | null | "unknown"> {
  const table = await readFile("/proc/sysvipc/shm", "latin1").catch(() => null);
  if (table === null) return "unknown";
  for (const line of table.split("\n").slice(1)) {
    const fields = line.trim().split(/\s+/);
    if (Number(fields[1]) === shmId) return Number(fields[6]);
  }
  return null;
}
