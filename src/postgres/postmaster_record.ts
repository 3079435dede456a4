/**
 * Which postmaster this node's sidecars started last, and with what: a later sidecar goes on with exactly that process and
 * with no other. Written at each start; it need not survive a power cut, which no process does.
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { archiveCommandOf } from "./archiving.js";
import { hasCode, writeFileDurably } from "./durable_files.js";
import { findPostmaster, readPostmasterPid } from "./postmaster_pid.js";
import { listByDataDir, type ProcessId } from "./proc_table.js";
import type { SafeStartOptions } from "./safe_start.js";

interface PostmasterRecord {
  readonly pid: number;
  readonly start_ticks: string;
  /** Ticks count from it. */
  readonly boot_id: string;
  /** Digest of all that the configuration says of how Postgres is started. */
  readonly started_with: string;
}

function pathOf(stateDir: string): string {
  return join(stateDir, "postgres", "postmaster.json");
}

export async function recordPostmaster(options: SafeStartOptions, { pid, startTicks }: ProcessId): Promise<void> {
  // Without a /proc nothing tells a process from a later one with its number: nothing is gone on with there.
  if (startTicks === null) return;
  const record: PostmasterRecord = {
    pid,
    start_ticks: startTicks,
    boot_id: await bootId(),
    started_with: digest(options),
  };
  const content = `${JSON.stringify(record)}\n`;
  await writeFileDurably({ path: pathOf(options.stateDir), content, user: options.user, sync: "none" });
}

/** The postmaster that runs, if it is the recorded one, ready, and nothing of an earlier one runs beside it; or why not. */
export async function findOurPostmaster(options: SafeStartOptions): Promise<ProcessId | string | null> {
  const running = listByDataDir(options.dataDir);
  if (running.length === 0) return null;
  const postmaster = await findPostmaster(options.dataDir);
  if (postmaster === null) return "it has lost its postmaster";
  const pids = new Set(running.map(({ pid }) => pid));
  if (running.some(({ pid, parent }) => pid !== postmaster.pid && !pids.has(parent)))
    return "processes of an earlier one run beside it";
  const record = await readRecord(options.stateDir);
  const same = record?.pid === postmaster.pid && record.start_ticks === postmaster.startTicks;
  if (record === null || !same || record.boot_id !== (await bootId())) return "no sidecar of this node started it";
  if (record.started_with !== digest(options)) return "the configuration, or Postgres' program, has changed since";
  const file = await readPostmasterPid(options.dataDir);
  return file?.status === "ready" ? postmaster : "it is not ready";
}

async function readRecord(stateDir: string): Promise<PostmasterRecord | null> {
  try {
    const value: unknown = JSON.parse(await readFile(pathOf(stateDir), "utf8"));
    return typeof value === "object" && value !== null ? (value as PostmasterRecord) : null;
  } catch (error) {
    // Whatever is wrong with it, it proves nothing; the caller says what it does about that.
    if (error instanceof SyntaxError || hasCode(error, "ENOENT")) return null;
    throw error;
  }
}

/** Another one after each boot of the machine. @throws where there is no /proc. */
export async function bootId(): Promise<string> {
  return (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
}

/**
 * A minor version that was installed meanwhile counts: whoever restarts the sidecar for it wants it to run. Other settings
 * do not: they are put in force by a reload, or shown as waiting for a restart (settings_look.ts). Archiving is not one of
 * them, since it is switched on at a start.
 */
function digest({ binaries, port, listenAddresses, hba, userSettings }: SafeStartOptions): string {
  const archives = archiveCommandOf(userSettings);
  const said = { version: binaries.version, port, listenAddresses, hba, archives };
  return createHash("sha256").update(JSON.stringify(said)).digest("hex");
}
