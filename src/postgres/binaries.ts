import { execFile } from "node:child_process";
import { constants } from "node:fs";
import { access, readdir, realpath } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { locateNpmBinaries } from "./npm_binaries.js";
import type { OsUser } from "./os_user.js";
import { closedDirectory } from "./os_user.js";

const run = promisify(execFile);

export const MAJOR_MIN = 15;
export const MAJOR_MAX = 18;

/** The programs that every installation must have; the rest of Postgres' tools are optional. */
const PROGRAMS = ["postgres", "initdb"];

const VERSION_TIMEOUT_MS = 10_000;

export type BinariesSource = "configured" | "path" | "distribution" | "npm";

/** One installation of Postgres. */
export interface Binaries {
  readonly binDir: string;
  /** As `postgres --version` says it: "15.18". */
  readonly version: string;
  readonly major: number;
  readonly source: BinariesSource;
}

export interface FindBinariesOptions {
  readonly configured?: string | null;
  /** Directory from which the npm package is resolved; this file's own by default. */
  readonly packageRoot?: string;
  /** Who will run them; npm's binaries are copied to `cacheDir` if this user cannot reach them. */
  readonly user?: OsUser;
  /** A directory that `user` can enter; /var/cache/quorate by default. */
  readonly cacheDir?: string;
  /** Where to look, in this order; all by default. */
  readonly sources?: readonly BinariesSource[];
}

type Found = { readonly binaries: Binaries } | { readonly problem: string };

/** The first usable installation: configured (then nothing else is tried), PATH, the distribution's folders, npm. */
export async function findBinaries(options: FindBinariesOptions = {}): Promise<Binaries> {
  if (options.configured) {
    const found = await examine({ binDir: options.configured, source: "configured", user: options.user });
    if ("binaries" in found) return found.binaries;
    throw new Error(
      `postgres.bin_dir: ${found.problem}; name the directory that holds ${PROGRAMS.join(" and ")}, or leave it out`,
    );
  }
  const problems: string[] = [];
  for (const source of options.sources ?? (["path", "distribution", "npm"] as const)) {
    for (const binDir of await candidates(source, options, problems)) {
      const found = await examine({ binDir, source, user: options.user });
      if ("binaries" in found) return found.binaries;
      problems.push(found.problem);
    }
  }
  const seen = problems.length === 0 ? "" : ` Seen: ${problems.join("; ")}.`;
  throw new Error(
    `no Postgres ${MAJOR_MIN} to ${MAJOR_MAX} found on the PATH, in the distribution's folders or from npm; install one, run npm install with optional packages, or set postgres.bin_dir.${seen}`,
  );
}

async function candidates(source: BinariesSource, options: FindBinariesOptions, problems: string[]): Promise<string[]> {
  switch (source) {
    case "configured":
      return options.configured ? [options.configured] : [];
    case "path":
      return onPath();
    case "distribution":
      return distributionFolders();
    case "npm":
      try {
        return [await locateNpmBinaries(options)];
      } catch (error) {
        problems.push(error instanceof Error ? error.message : String(error));
        return [];
      }
  }
}

async function onPath(): Promise<string[]> {
  const found: string[] = [];
  for (const directory of (process.env.PATH ?? "").split(delimiter)) {
    const program = await realpath(join(directory, "postgres")).catch(() => null);
    // Through the link: the programs beside it, and not the link's neighbours, belong to the same installation.
    if (directory !== "" && program !== null) found.push(join(program, ".."));
  }
  return [...new Set(found)];
}

async function distributionFolders(): Promise<string[]> {
  const debian = await versionedChildren("/usr/lib/postgresql", /^(\d+)$/);
  const redhat = await versionedChildren("/usr", /^pgsql-(\d+)$/);
  const homebrew = [
    ...(await versionedChildren("/opt/homebrew/opt", /^postgresql@(\d+)$/)),
    ...(await versionedChildren("/usr/local/opt", /^postgresql@(\d+)$/)),
  ];
  const source = ["/usr/local/pgsql"];
  const existing: string[] = [];
  for (const root of [...debian, ...redhat, ...homebrew, ...source]) {
    const binDir = join(root, "bin");
    if (await isExecutable(join(binDir, "postgres"))) existing.push(binDir);
  }
  return existing;
}

/** Children whose name carries a supported major version, newest first. */
async function versionedChildren(parent: string, pattern: RegExp): Promise<string[]> {
  const names = await readdir(parent).catch(() => [] as string[]);
  return names
    .map((name) => ({ name, major: Number(pattern.exec(name)?.[1] ?? 0) }))
    .filter(({ major }) => major >= MAJOR_MIN && major <= MAJOR_MAX)
    .sort((a, b) => b.major - a.major)
    .map(({ name }) => join(parent, name));
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

interface ExamineOptions {
  readonly binDir: string;
  readonly source: BinariesSource;
  readonly user: OsUser | undefined;
}

async function examine({ binDir, source, user }: ExamineOptions): Promise<Found> {
  for (const program of PROGRAMS) {
    if (!(await isExecutable(join(binDir, program)))) return { problem: `${binDir} has no executable ${program}` };
  }
  const closed = user === undefined ? null : await closedDirectory(user, await realpath(binDir));
  if (closed !== null) return { problem: `${binDir} cannot be run by user ${user?.name}, who may not enter ${closed}` };
  try {
    const { stdout } = await run(join(binDir, "postgres"), ["--version"], { timeout: VERSION_TIMEOUT_MS });
    const version = /\(PostgreSQL\) (\d+(?:\.\d+)?)/.exec(stdout)?.[1];
    if (version === undefined) return { problem: `${binDir}/postgres --version says ${JSON.stringify(stdout.trim())}` };
    const major = Number.parseInt(version, 10);
    if (major < MAJOR_MIN || major > MAJOR_MAX)
      return { problem: `${binDir} is Postgres ${version}; supported are ${MAJOR_MIN} to ${MAJOR_MAX}` };
    return { binaries: { binDir, version, major, source } };
  } catch (error) {
    return {
      problem: `${binDir}/postgres does not run: ${error instanceof Error ? error.message.trim() : String(error)}`,
    };
  }
}
