import { access, readdir, rename } from "node:fs/promises";
import { join } from "node:path";
import type { Lsn } from "../core/log/lsn.js";
import type { Term } from "../core/log/position.js";
import { hasCode, syncDirectory } from "./durable_files.js";
import { type Segment, segmentName, segmentOf } from "./replication/segment_name.js";

export interface RecycledOptions {
  readonly dataDir: string;
  /** The timeline that the promotion makes. */
  readonly term: Term;
  /** Where it will branch off: all that this node holds ends here. */
  readonly end: Lsn;
  readonly segmentBytes: bigint;
}

/**
 * Gives the segments that Postgres has put aside for later (beyond the end of the log, with an older timeline in their names)
 * the names under which the new timeline will use them. A promotion does the same before it takes writes, one by one and
 * with three fsyncs each: with ten of them some 35 ms, here one. Nothing in them counts: what this node holds ends
 * before them, and the sidecar has stood still. Should the promotion not come, normalization deletes them like everything
 * of a timeline that is not held.
 *
 * The directory is synced, so that what is written to them later is not found under an old name after a power cut.
 *
 * @returns how many there were.
 */
export async function takeRecycled({ dataDir, term, end, segmentBytes }: RecycledOptions): Promise<number> {
  const wal = join(dataDir, "pg_wal");
  const last = end / segmentBytes;
  const beyond = (await readdir(wal))
    .flatMap((name) => segmentOf(name, segmentBytes) ?? [])
    .filter(({ timeline, number }) => timeline < term && number > last)
    .sort((a, b) => (a.number < b.number ? -1 : 1));
  let taken = 0n;
  for (const segment of beyond) {
    if (await awaitsArchiving(wal, segment, segmentBytes)) continue;
    const next = { timeline: term, number: last + 1n + taken };
    // A checkpoint that ends just now may have removed it.
    if (await renameIfThere(wal, segment, next, segmentBytes)) taken++;
  }
  if (taken > 0n) await syncDirectory(wal);
  return Number(taken);
}

/** Postgres leaves such a one to the archiver, and so it stays. */
function awaitsArchiving(wal: string, segment: Segment, segmentBytes: bigint): Promise<boolean> {
  return access(join(wal, "archive_status", `${segmentName(segment, segmentBytes)}.ready`)).then(
    () => true,
    () => false,
  );
}

async function renameIfThere(wal: string, from: Segment, to: Segment, segmentBytes: bigint): Promise<boolean> {
  try {
    await rename(join(wal, segmentName(from, segmentBytes)), join(wal, segmentName(to, segmentBytes)));
    return true;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return false;
    throw error;
  }
}
