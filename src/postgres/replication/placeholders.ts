import { link, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { assert } from "../../core/assert.js";
import type { Term } from "../../core/log/position.js";
import { hasCode, syncDirectory } from "../durable_files.js";
import type { OsUser } from "../os_user.js";
import { historyFileName } from "./history_file.js";

export interface PlaceholderOptions {
  readonly dataDir: string;
  /** The timeline of this node's last record; numbers up to it are left alone. */
  readonly held: Term;
  /** The next promotion shall choose this timeline: every number in between gets a file. */
  readonly term: Term;
  readonly user: OsUser;
}

/** A comment and no parent line: Postgres counts the number as taken and reads nothing else out of it (trap 10). */
const CONTENT = "# gap\n";
const SOURCE = "quorate_gap.tmp";
/** A file has at most 65,000 names on ext4. Terms stay dense (DESIGN 5.2), so nobody should come near it. */
const GAP_MAX = 50_000n;

/**
 * Makes the next promotion choose timeline `term` (POSTGRES.md A.5): Postgres takes one more than the
 * newest number with a history file, probing upwards without gaps. Files that exist are kept, and ours
 * are never removed from a running node. Returns how many were made.
 */
export async function writePlaceholders({ dataDir, held, term, user }: PlaceholderOptions): Promise<number> {
  assert(term > held, `a promotion to timeline ${term} from timeline ${held} goes back`);
  const gap = term - held - 1n;
  if (gap === 0n) return 0;
  if (gap > GAP_MAX)
    throw new Error(`${gap} terms were burnt since timeline ${held}: more than ${GAP_MAX}; clone this node`);
  const wal = join(dataDir, "pg_wal");
  const source = join(wal, SOURCE);
  await rm(source, { force: true });
  await writeSource(source, user);
  let made = 0;
  for (let timeline = held + 1n; timeline < term; timeline++) {
    if (await linkUnlessThere(source, join(wal, historyFileName(timeline)))) made++;
  }
  await rm(source);
  await syncDirectory(wal);
  return made;
}

async function writeSource(path: string, user: OsUser): Promise<void> {
  const handle = await open(path, "wx", 0o600);
  try {
    await handle.writeFile(CONTENT);
    if (user.drop) await handle.chown(user.uid, user.gid);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** One inode under many names: thousands of files would cost an fsync each (POSTGRES.md K). */
async function linkUnlessThere(source: string, target: string): Promise<boolean> {
  try {
    await link(source, target);
    return true;
  } catch (error) {
    if (hasCode(error, "EEXIST")) return false;
    throw error;
  }
}
