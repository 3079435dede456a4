import { lstat, readdir, readFile, readlink, rename, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { z } from "zod";
import { hasCode, syncDirectory, writeFileDurably } from "./durable_files.js";
import type { OsUser } from "./os_user.js";
import { isTablespacesDir, readCloneMarker, removeCloneMarker } from "./replication/clone_marker.js";
import { clearTorn } from "./rewind_marker.js";

/** The three places of a swap; all on one filesystem. */
export interface SwapPlaces {
  readonly dataDir: string;
  /** A complete clone (its marker says so). */
  readonly cloneDir: string;
  /** Where the old data goes; must not exist. */
  readonly oldDir: string;
}

/** Refused or contradictory; nothing was deleted. */
export class SwapRefused extends Error {
  override readonly name = "SwapRefused";
}

/**
 * Puts the clone in the place of the data, which is kept in `oldDir`. Both Postgres must be stopped.
 *
 * A marker beside the data directory says what is meant; two renames do it; each step is synced before the next. So
 * after a crash the places that exist tell how far it came (`finishSwap`):
 *
 *     marker   data    clone   old     next step
 *     yes      old     yes     no      move the data aside
 *     yes      no      yes     old     move the clone in
 *     yes      clone   no      old     remove the markers
 *
 * The decision to swap was made before the marker (DESIGN 5.7), so it is always finished, never undone.
 */
export async function swap(places: SwapPlaces & { readonly user: OsUser }): Promise<void> {
  const { dataDir, cloneDir, oldDir, user } = resolved(places);
  if ((await readSwapMarker(dataDir)) !== null)
    throw new SwapRefused(`a swap of ${dataDir} is not finished yet: finish it first`);
  const clone = await readCloneMarker(cloneDir);
  if (clone.kind !== "complete" || !(await exists(cloneDir))) {
    throw new SwapRefused(`${cloneDir} is no complete clone (${clone.kind}): clone again; the data stays where it is`);
  }
  if (await exists(oldDir))
    throw new SwapRefused(`${oldDir} exists already and may be the only copy of something: discard it first`);
  const hadData = await holdsAnything(dataDir);
  const content = `${JSON.stringify({ cloneDir, oldDir, hadData } satisfies Intent)}\n`;
  await writeFileDurably({ path: swapMarkerPath(dataDir), content, user });
  await finishSwap(dataDir);
}

/** To be called before anything else looks at `dataDir`: finishes a swap that a crash cut in two. */
export async function finishSwap(dataDir: string): Promise<"nothing_to_do" | "finished"> {
  const data = resolve(dataDir);
  const intent = await readSwapMarker(data);
  if (intent === null) return "nothing_to_do";
  const { cloneDir, oldDir, hadData } = intent;
  if (await exists(cloneDir)) {
    if (hadData && !(await exists(oldDir))) await moveSynced(data, oldDir);
    // An empty directory in the way is replaced; one with anything in it makes the rename fail.
    await moveSynced(cloneDir, data);
  }
  if (!(await exists(data)) || (hadData && !(await exists(oldDir)))) {
    throw new SwapRefused(
      `a swap was cut short and ${data} or ${oldDir} is gone: put back what was moved by hand, then remove ${swapMarkerPath(data)}`,
    );
  }
  await removeCloneMarker(cloneDir);
  // What a rewind left was moved aside with the old data.
  await clearTorn(data);
  await rm(swapMarkerPath(data), { force: true });
  await syncDirectory(dirname(data));
  return "finished";
}

/** Deletes the replaced data, when told to: refused while a swap is pending, and never the data itself. */
export async function discardOld(places: Pick<SwapPlaces, "dataDir" | "oldDir">): Promise<void> {
  const dataDir = resolve(places.dataDir);
  const oldDir = resolve(places.oldDir);
  if ((await readSwapMarker(dataDir)) !== null)
    throw new SwapRefused(`a swap of ${dataDir} is not finished yet: finish it first`);
  if (dataDir === oldDir || dataDir.startsWith(`${oldDir}/`))
    throw new SwapRefused(`${oldDir} is or holds the data itself`);
  if (!(await holdsAnything(dataDir)))
    throw new SwapRefused(`${dataDir} holds nothing: ${oldDir} may be the only copy and is kept`);
  for (const tablespaces of await ownTablespaces(oldDir)) await rm(tablespaces, { recursive: true, force: true });
  await rm(oldDir, { recursive: true, force: true });
  await syncDirectory(dirname(oldDir));
}

/** Where a clone of ours had put its tablespaces. Those that somebody made by hand are not ours to delete. */
async function ownTablespaces(oldDir: string): Promise<ReadonlySet<string>> {
  const links = join(oldDir, "pg_tblspc");
  const found = new Set<string>();
  for (const name of (await exists(links)) ? await readdir(links) : []) {
    const parent = dirname(await readlink(join(links, name)));
    if (isTablespacesDir(parent)) found.add(parent);
  }
  return found;
}

const INTENT = z.object({ cloneDir: z.string().min(1), oldDir: z.string().min(1), hadData: z.boolean() });
type Intent = z.infer<typeof INTENT>;

export function swapMarkerPath(dataDir: string): string {
  return `${resolve(dataDir)}.swap`;
}

async function readSwapMarker(dataDir: string): Promise<Intent | null> {
  const path = swapMarkerPath(dataDir);
  try {
    return INTENT.parse(JSON.parse(await readFile(path, "utf8")));
  } catch (cause) {
    if (hasCode(cause, "ENOENT")) return null;
    throw new SwapRefused(`${path} cannot be read: look at the directories beside it, then remove it by hand`, {
      cause,
    });
  }
}

async function moveSynced(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (cause) {
    if (hasCode(cause, "EXDEV"))
      throw new SwapRefused(`${from} and ${to} are on two filesystems: put the clone beside the data`, { cause });
    throw new SwapRefused(`cannot move ${from} to ${to}; nothing was deleted: clear the way, then start again`, {
      cause,
    });
  }
  for (const parent of new Set([dirname(from), dirname(to)])) await syncDirectory(parent);
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

/** A first clone finds no data, or an empty directory that somebody prepared. */
async function holdsAnything(path: string): Promise<boolean> {
  try {
    return (await readdir(path)).length > 0;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return false;
    throw error;
  }
}

function resolved<T extends SwapPlaces>(places: T): T {
  return {
    ...places,
    dataDir: resolve(places.dataDir),
    cloneDir: resolve(places.cloneDir),
    oldDir: resolve(places.oldDir),
  };
}
