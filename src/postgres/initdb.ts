import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import type { Binaries } from "./binaries.js";
import { hasCode, syncDirectory } from "./durable_files.js";
import { fence, releaseSharedMemory } from "./fence.js";
import type { OsUser } from "./os_user.js";
import { closedDirectory, giveTo, spawnIdentity } from "./os_user.js";
import { postgresEnvironment } from "./process.js";

export interface InitdbOptions {
  readonly binaries: Binaries;
  readonly user: OsUser;
  readonly dataDir: string;
  readonly superuser: string;
  /** 16 by default; 1 keeps a demo small. */
  readonly walSegmentSizeMb?: number;
  readonly locale?: string;
  readonly encoding?: string;
  readonly dataChecksums?: boolean;
}

const OUTPUT_TAIL_CHARS = 2000;

/** Makes a new cluster; refuses a directory that holds anything; a crash leaves either all of it or nothing. */
export async function initdb(options: InitdbOptions): Promise<void> {
  const dataDir = resolve(options.dataDir);
  const parent = dirname(dataDir);
  await refuseUnlessEmpty(dataDir);
  const closed = await closedDirectory(options.user, parent);
  if (closed !== null)
    throw new Error(
      `initdb: user ${options.user.name} may not enter ${closed}; give it x permission there, or put data_dir elsewhere`,
    );
  await removeLeftovers(parent, basename(dataDir));
  const building = `${dataDir}.initdb-${randomBytes(6).toString("hex")}`;
  try {
    await mkdir(building, { mode: 0o700 });
    await giveTo(options.user, building);
    await runInitdb(options, building);
    await refuseUnlessEmpty(dataDir);
    // rename(2) replaces an empty directory, and nothing else: data that appeared meanwhile is safe.
    await rename(building, dataDir);
    await syncDirectory(parent);
  } finally {
    await rm(building, { recursive: true, force: true });
  }
}

async function refuseUnlessEmpty(dataDir: string): Promise<void> {
  const entries = await readdir(dataDir).catch((error: unknown) => {
    if (hasCode(error, "ENOENT")) return [];
    throw error;
  });
  if (entries.length > 0) {
    throw new Error(
      `initdb: ${dataDir} is not empty (${entries.slice(0, 3).join(", ")}); data is never overwritten: move it away by hand if it is not wanted`,
    );
  }
}

/** What a sidecar killed in the middle left behind; the random suffix says that it is ours. */
async function removeLeftovers(parent: string, name: string): Promise<void> {
  for (const entry of await readdir(parent)) {
    if (entry.startsWith(`${name}.initdb-`) && /^[0-9a-f]{12}$/.test(entry.slice(`${name}.initdb-`.length))) {
      const dataDir = join(parent, entry);
      await fence({ dataDir, graceMs: 0 });
      // Its backend has left a segment, whose number stands in there and nowhere else.
      await releaseSharedMemory(dataDir);
      await rm(dataDir, { recursive: true, force: true });
    }
  }
}

function initdbArguments(options: InitdbOptions, directory: string): string[] {
  return [
    "-D",
    directory,
    "-U",
    options.superuser,
    // Never used, since Postgres is started with a hba file of ours; started by hand, it lets nobody in from outside.
    "--auth-local=peer",
    "--auth-host=reject",
    `--encoding=${options.encoding ?? "UTF8"}`,
    `--locale=${options.locale ?? "C"}`,
    `--wal-segsize=${options.walSegmentSizeMb ?? 16}`,
    // From 18 on checksums are the default, and only there they can be refused by name.
    ...((options.dataChecksums ?? true)
      ? ["--data-checksums"]
      : options.binaries.major >= 18
        ? ["--no-data-checksums"]
        : []),
    "--no-instructions",
  ];
}

function runInitdb(options: InitdbOptions, directory: string): Promise<void> {
  return new Promise((done, fail) => {
    const child = spawn(join(options.binaries.binDir, "initdb"), initdbArguments(options, directory), {
      ...spawnIdentity(options.user),
      cwd: directory,
      env: postgresEnvironment(process.env),
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    const collect = (chunk: Buffer): void => {
      output = (output + chunk.toString()).slice(-OUTPUT_TAIL_CHARS);
    };
    child.stdout.on("data", collect);
    child.stderr.on("data", collect);
    child.once("error", (cause) => fail(new Error(`initdb does not start from ${options.binaries.binDir}`, { cause })));
    child.once("close", (code, signal) => {
      if (code === 0) done();
      else fail(new Error(`initdb failed (${signal ?? `exit code ${code}`}); its last words: ${output.trim()}`));
    });
  });
}
