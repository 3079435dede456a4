import { chmod, mkdir, open, readFile, rename, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { NOT_ARCHIVING } from "./archiving.js";
import { writeAutoConf } from "./auto_conf.js";
import type { Binaries } from "./binaries.js";
import { readControlData } from "./control_data.js";
import type { HbaOptions } from "./doors.js";
import { writeHba } from "./doors.js";
import { hasCode, syncDirectory } from "./durable_files.js";
import { fence, sweepOrphans } from "./fence.js";
import type { NormalizeReport } from "./normalize.js";
import { normalize } from "./normalize.js";
import type { OsUser } from "./os_user.js";
import { closedDirectory, giveTo } from "./os_user.js";
import { portTaken } from "./port_taken.js";
import { readPostmasterPid } from "./postmaster_pid.js";
import { recordPostmaster } from "./postmaster_record.js";
import type { ProcessId } from "./proc_table.js";
import { identify } from "./proc_table.js";
import type { PostgresChild } from "./process.js";
import { spawnPostgres } from "./process.js";
import { isTorn } from "./rewind_marker.js";
import { commandLine, inFile, NAMES_NOBODY } from "./settings.js";
import { settingsFileOf, writeSettingsFile } from "./settings_file.js";
import { clearSockets, makeSocketDir, socketDirFor } from "./socket_dir.js";
import { probe } from "./startup_probe.js";

export interface SafeStartOptions {
  readonly binaries: Binaries;
  readonly user: OsUser;
  readonly dataDir: string;
  /** Holds the hba file, Postgres' log and the socket directory. */
  readonly stateDir: string;
  readonly port: number;
  readonly listenAddresses: readonly string[];
  readonly hba: Omit<HbaOptions, "door">;
  readonly userSettings?: Readonly<Record<string, string>>;
  /** Only to end a rewind: what Postgres receives by until it is consistent. Else it is a standby of nobody. */
  readonly receive?: Readonly<Record<string, string>>;
  /** Written before the start; nobody's by default, never empty. */
  readonly synchronousStandbyNames?: string;
  /** WAL that is kept for those that are away, in kB; 4 GB by default. */
  readonly slotWalKeepKb?: number;
  readonly fast?: boolean;
  /** 60 s by default: replay after a crash can take long. */
  readonly deadlineMs?: number;
}

export interface Running {
  readonly child: PostgresChild | null;
  readonly process: ProcessId;
  readonly pid: number;
  readonly socketDir: string;
  readonly hbaFile: string;
  readonly logFile: string;
}

/** One that we have just started. */
export interface Started extends Running {
  readonly normalized: NormalizeReport;
  readonly startedMs: number;
}

const DEADLINE_MS = 60_000;
const POLL_MS = 5;
const KNOCK_TIMEOUT_MS = 1_000;
/** Beyond this the log is put aside at the next start; one older log is kept. */
const LOG_BYTES_MAX = 64 * 1024 * 1024;
const LOG_TAIL_BYTES = 64 * 1024;

interface Places {
  readonly socketDir: string;
  readonly hbaFile: string;
  readonly logFile: string;
}

/**
 * The only way Postgres is ever started: as a standby of nobody, normalized, behind a shut door. Whatever the
 * directory was before (a primary, a crash inside a promotion), nothing of it can be written or read by a client.
 * Rejects if a Postgres already runs there; on any failure none is left running.
 */
export async function safeStart(options: SafeStartOptions): Promise<Started> {
  const startedAt = performance.now();
  const dataDir = resolve(options.dataDir);
  await checkVersion(dataDir, options.binaries);
  if (options.receive === undefined && (await isTorn(dataDir)))
    throw new Error(
      `${dataDir} is what a rewind left that did not come to its end: it is no log, and only a clone takes its place`,
    );
  const closed = await closedDirectory(options.user, dataDir);
  if (closed !== null)
    throw new Error(
      `user ${options.user.name} may not enter ${closed}; give it x permission there, or put data_dir elsewhere`,
    );
  await sweepOrphans({ dataDir });
  const places = await preparePlaces(options);
  await writeHba(places.hbaFile, { ...options.hba, door: "shut" }, options.user);
  await makeStandby(dataDir, options.user);
  const settings = standbySettings(options.synchronousStandbyNames ?? NAMES_NOBODY);
  await writeSettingsFile(options);
  // The configuration beats what somebody altered; on the command line it always did.
  const ours = Object.fromEntries(Object.keys(inFile(options.userSettings)).map((name) => [name, null]));
  await writeAutoConf(dataDir, { ...ours, ...settings, ...options.receive }, options.user);
  const normalized = await normalize(dataDir);
  const taken = await portTaken(options.listenAddresses, options.port);
  if (taken !== null) throw new Error(taken);
  const logFrom = await logSize(places.logFile);
  const args = commandLine({
    ...options,
    ...places,
    configFile: settingsFileOf(options.stateDir),
    major: options.binaries.major,
    floors: (await readControlData(dataDir)).primarySettings,
  });
  const child = await spawnPostgres({
    binaries: options.binaries,
    user: options.user,
    dataDir,
    args,
    logFile: places.logFile,
  });
  const identity = identify(child.pid);
  if (identity !== null) await recordPostmaster(options, identity);
  try {
    await untilReady({
      child,
      dataDir,
      places,
      logFrom,
      port: options.port,
      deadlineMs: options.deadlineMs ?? DEADLINE_MS,
    });
  } catch (error) {
    await fence({ dataDir });
    throw error;
  }
  return {
    child,
    process: identity ?? { pid: child.pid, startTicks: null },
    pid: child.pid,
    ...places,
    normalized,
    startedMs: performance.now() - startedAt,
  };
}

/** Said by us before Postgres says it less clearly, and before anything in the directory is touched. */
async function checkVersion(dataDir: string, binaries: Binaries): Promise<void> {
  const text = await readFile(join(dataDir, "PG_VERSION"), "utf8").catch((cause: unknown) => {
    throw new Error(`${dataDir} holds no Postgres cluster; initialise or clone it first`, { cause });
  });
  if (Number(text) === binaries.major) return;
  throw new Error(
    `${dataDir} is of Postgres ${text.trim()}, the programs in ${binaries.binDir} are ${binaries.version}; set postgres.bin_dir`,
  );
}

async function preparePlaces(options: SafeStartOptions): Promise<Places> {
  const stateDir = resolve(options.stateDir);
  await mkdir(stateDir, { recursive: true, mode: 0o711 });
  // Our own files in it are 0600; Postgres' user only has to pass through.
  if ((await closedDirectory(options.user, stateDir)) === stateDir)
    await chmod(stateDir, ((await stat(stateDir)).mode & 0o777) | 0o111);
  const closed = await closedDirectory(options.user, stateDir);
  if (closed !== null)
    throw new Error(
      `user ${options.user.name} may not enter ${closed}; give it x permission there, or put data_dir elsewhere`,
    );
  const ours = join(stateDir, "postgres");
  await mkdir(ours, { recursive: true, mode: 0o700 });
  await giveTo(options.user, ours);
  const socketDir = await makeSocketDir(stateDir, options.user);
  await clearSockets(socketDir, options.port);
  const places = placesOf(stateDir);
  if ((await logSize(places.logFile)) > LOG_BYTES_MAX) await rename(places.logFile, `${places.logFile}.1`);
  return places;
}

/** Where what a Postgres of this state directory was started with is. */
export function placesOf(stateDir: string): Places {
  const ours = join(resolve(stateDir), "postgres");
  const socketDir = socketDirFor(stateDir);
  return { socketDir, hbaFile: join(ours, "pg_hba.conf"), logFile: join(ours, "postgres.log") };
}

/** standby.signal is durable before the start: without it a crash inside a promotion comes back writable (POSTGRES.md trap 5). */
async function makeStandby(dataDir: string, user: OsUser): Promise<void> {
  const path = join(dataDir, "standby.signal");
  const handle = await open(path, "a", 0o600);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
  await giveTo(user, path);
  await syncDirectory(dataDir);
}

function standbySettings(names: string): Record<string, string> {
  if (names.trim() === "")
    throw new Error("synchronous_standby_names must never be empty (POSTGRES.md trap 16); leave it to its default");
  return { primary_conninfo: "", primary_slot_name: "", synchronous_standby_names: names, ...NOT_ARCHIVING };
}

interface UntilReady {
  readonly child: PostgresChild;
  readonly dataDir: string;
  readonly places: Places;
  readonly logFrom: number;
  readonly port: number;
  readonly deadlineMs: number;
}

/** Until Postgres is consistent, takes connections, and refuses the probe. */
async function untilReady(options: UntilReady): Promise<void> {
  const { child, places } = options;
  const deadline = performance.now() + options.deadlineMs;
  const target = { host: places.socketDir, port: options.port };
  let seen = "starting";
  for (;;) {
    const exit = child.exitStatus();
    if (exit !== null)
      throw new Error(
        `Postgres ended at its start (${exit.signal ?? `exit code ${exit.code}`}): ${await complaint(options)}`,
      );
    // One small file instead of a connection: each of those would cost Postgres a process while it recovers.
    const file = await readPostmasterPid(options.dataDir);
    if (file?.pid === child.pid && file.status === "ready") {
      const answer = await probe(target, KNOCK_TIMEOUT_MS);
      if (answer.kind === "shut") return;
      if (answer.kind === "open")
        throw new Error(`Postgres started with an open door; is ${places.hbaFile} intact? It was stopped again`);
      seen = answer.reason;
    }
    if (performance.now() > deadline) {
      throw new Error(
        `Postgres is not ready after ${options.deadlineMs} ms (${seen}) and was stopped again: ${await complaint(options)}`,
      );
    }
    await delay(POLL_MS);
  }
}

async function logSize(logFile: string): Promise<number> {
  try {
    return (await stat(logFile)).size;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return 0;
    throw error;
  }
}

/** What Postgres complained about since this start: its worst lines, else its last ones. */
async function complaint({ places, logFrom }: UntilReady): Promise<string> {
  const handle = await open(places.logFile, "r");
  try {
    const size = Math.max(0, (await handle.stat()).size - logFrom);
    const length = Math.min(size, LOG_TAIL_BYTES);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, logFrom + size - length);
    const lines = buffer.subarray(0, bytesRead).toString("utf8").trim().split("\n");
    // What is wrong in a file is said at another level than that something is.
    const bad = lines.filter((line) => /(FATAL|PANIC|ERROR|HINT|DETAIL):|LOG: .* parameter "/.test(line));
    return `${(bad.length > 0 ? bad : lines).slice(-4).join(" | ")} (${places.logFile})`;
  } finally {
    await handle.close();
  }
}
