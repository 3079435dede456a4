import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { open } from "node:fs/promises";
import { join } from "node:path";
import type { Binaries } from "./binaries.js";
import type { OsUser } from "./os_user.js";
import { giveTo, spawnIdentity } from "./os_user.js";

export interface SpawnPostgresOptions {
  readonly binaries: Binaries;
  readonly user: OsUser;
  readonly dataDir: string;
  /** From `commandLine`. */
  readonly args: readonly string[];
  /** Appended to; a file and not a pipe, since an undrained pipe hangs backends (POSTGRES.md E). */
  readonly logFile: string;
}

export interface ExitStatus {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A postmaster that is our child. */
export interface PostgresChild {
  readonly pid: number;
  /** Resolves when the postmaster has ended; never rejects. */
  readonly exited: Promise<ExitStatus>;
  /** Set as soon as it has ended. */
  exitStatus(): ExitStatus | null;
}

/** Starts the postmaster, detached. Only `safeStart` calls this: Postgres has no other way to start. */
export async function spawnPostgres(options: SpawnPostgresOptions): Promise<PostgresChild> {
  const log = await open(options.logFile, "a", 0o600);
  try {
    await giveTo(options.user, options.logFile);
    const program = join(options.binaries.binDir, "postgres");
    return await watch(spawnPrivately(program, options, log.fd), program);
  } finally {
    await log.close();
  }
}

function spawnPrivately(program: string, options: SpawnPostgresOptions, logFd: number): ChildProcess {
  // Inherited at the fork, and spawn has no option for it; put back in the same breath.
  const umaskBefore = process.umask(0o077);
  try {
    return spawn(program, ["-D", options.dataDir, ...options.args], {
      ...spawnIdentity(options.user),
      // A session of its own: it outlives the sidecar, and a Ctrl-C at the terminal does not reach it.
      detached: true,
      cwd: "/",
      env: postgresEnvironment(process.env),
      stdio: ["ignore", logFd, logFd],
    });
  } finally {
    process.umask(umaskBefore);
  }
}

function watch(child: ChildProcess, program: string): Promise<PostgresChild> {
  let status: ExitStatus | null = null;
  const exited = new Promise<ExitStatus>((done) => {
    child.once("exit", (code, signal) => {
      status = { code, signal };
      done(status);
    });
  });
  child.unref();
  return new Promise((done, fail) => {
    child.once("error", (cause) =>
      fail(new Error(`cannot run ${program}; is it executable for Postgres' user?`, { cause })),
    );
    child.once("spawn", () => {
      const { pid } = child;
      if (pid === undefined) fail(new Error(`${program} was started without a process id`));
      else done({ pid, exited, exitStatus: () => status });
    });
  });
}

/**
 * The environment of every Postgres program: PG* variables would change what it does, and systemd's
 * NOTIFY_SOCKET would let it speak for the sidecar. Messages stay English since we read the log.
 */
export function postgresEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = Object.entries(environment).filter(
    ([name]) => !name.startsWith("PG") && name !== "NOTIFY_SOCKET" && name !== "LANGUAGE",
  );
  return { ...Object.fromEntries(kept), LC_ALL: "C" };
}
