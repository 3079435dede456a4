import { open, readdir, readFile, stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import type { Ancestor } from "../core/log/history.js";
import type { Lsn } from "../core/log/lsn.js";
import { parseLsn } from "../core/log/lsn.js";
import type { Term } from "../core/log/position.js";
import type { ControlData } from "./control_data.js";
import { readControlData } from "./control_data.js";
import { hasCode, syncDirectory } from "./durable_files.js";
import { listByDataDir } from "./proc_table.js";
import { segmentName } from "./replication/segment_name.js";
import type { WalSlice } from "./wal_records.js";
import { holdsRecordAt } from "./wal_records.js";

export interface NormalizeReport {
  /** The newest timeline that this directory really holds. */
  readonly timeline: Term;
  /** Files deleted from pg_wal and pg_wal/archive_status, relative to pg_wal. */
  readonly deleted: readonly string[];
  /** Nothing was looked at: a fresh clone's backup_label rules. */
  readonly skipped: "backup_label" | null;
}

const HISTORY_NAME = /^([0-9A-F]{8})\.history$/;
const SEGMENT_NAME = /^([0-9A-F]{8})[0-9A-F]{16}(?:\.partial)?$/;
const STATUS_SUFFIX = /\.(?:ready|done)$/;

/** The first record of a timeline (end of recovery, a checkpoint, a changed parameter) is far smaller. */
const FIRST_RECORD_BYTES_MAX = 64 * 1024;

/**
 * Makes a *stopped* data directory forget timelines it never really held. A follower that adopts a new timeline
 * fetches its history and receives the segment of the switch point again from its start; a crash in between leaves
 * a torn file which Postgres would prefer to the whole one of the timeline before, and acknowledged WAL gets shorter
 * (POSTGRES.md A.1, traps 2 and 3). Placeholders above the own timeline keep Postgres from ever getting ready (trap 11).
 */
export async function normalize(dataDir: string): Promise<NormalizeReport> {
  if (listByDataDir(dataDir).length > 0)
    throw new Error(`${dataDir} cannot be normalized while Postgres runs on it; fence it first`);
  const control = await readControlData(dataDir);
  const timeline =
    control.checkpointTimeline > control.minRecoveryTimeline ? control.checkpointTimeline : control.minRecoveryTimeline;
  if (await exists(join(dataDir, "backup_label"))) return { timeline, deleted: [], skipped: "backup_label" };
  const walDir = join(dataDir, "pg_wal");
  const held = await newestHeld({ walDir, control, replayed: timeline });
  return { timeline: held, deleted: await deleteAbove(walDir, held), skipped: null };
}

interface WalDirectory {
  readonly walDir: string;
  readonly control: ControlData;
  /** The timeline that Postgres has replayed by its control data: held for certain. */
  readonly replayed: Term;
}

async function newestHeld(wal: WalDirectory): Promise<Term> {
  const above = (await readdir(wal.walDir))
    .flatMap((name) => timelineOf(name, HISTORY_NAME) ?? [])
    .filter((timeline) => timeline > wal.replayed)
    .sort((a, b) => (a > b ? -1 : 1));
  for (const timeline of above) {
    if (await holds(wal, timeline)) return timeline;
  }
  return wal.replayed;
}

/** Whether a record of the timeline itself is here, and the timeline continues what was replayed. */
async function holds(wal: WalDirectory, timeline: Term): Promise<boolean> {
  const ancestors = parseAncestors(await readFile(join(wal.walDir, `${hex(timeline)}.history`), "utf8"));
  const parent = ancestors?.at(-1);
  if (ancestors === null || parent === undefined || !continues(ancestors, wal)) return false;
  const slice = await readSlice(wal, timeline, parent.end);
  return slice !== null && holdsRecordAt(slice, parent.end);
}

/** A timeline that branched off before what was replayed is another branch: Postgres would not start on it. */
function continues(ancestors: readonly Ancestor[], { control, replayed }: WalDirectory): boolean {
  const branch = ancestors.find((ancestor) => ancestor.timeline === replayed);
  if (branch === undefined) return false;
  if (control.checkpointTimeline === replayed && control.checkpointLsn >= branch.end) return false;
  return control.minRecoveryTimeline !== replayed || control.minRecoveryLsn <= branch.end;
}

/** The timeline's WAL from the beginning of the segment with `lsn` to a little behind it; null if there is none. */
async function readSlice(wal: WalDirectory, timeline: Term, lsn: Lsn): Promise<WalSlice | null> {
  const segmentBytes = wal.control.walSegmentBytes;
  const size = BigInt(segmentBytes);
  const segment = lsn / size;
  const read = (number: bigint, bytes: number): Promise<Buffer | null> =>
    readStart(join(wal.walDir, segmentName({ timeline, number }, size)), Math.min(bytes, segmentBytes));
  const wanted = Number(lsn - segment * size) + FIRST_RECORD_BYTES_MAX;
  const head = await read(segment, wanted);
  if (head === null) return null;
  const tail = wanted > segmentBytes ? await read(segment + 1n, wanted - segmentBytes) : null;
  return { bytes: tail === null ? head : Buffer.concat([head, tail]), start: segment * size, segmentBytes };
}

async function readStart(path: string, length: number): Promise<Buffer | null> {
  let handle: Awaited<ReturnType<typeof open>>;
  try {
    handle = await open(path, "r");
  } catch (error) {
    if (hasCode(error, "ENOENT")) return null;
    throw error;
  }
  try {
    const bytes = Buffer.alloc(length);
    let filled = 0;
    while (filled < length) {
      const { bytesRead } = await handle.read(bytes, filled, length - filled, filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return bytes.subarray(0, filled);
  } finally {
    await handle.close();
  }
}

async function deleteAbove(walDir: string, timeline: Term): Promise<string[]> {
  const deleted: string[] = [];
  for (const folder of ["", "archive_status"]) {
    const directory = join(walDir, folder);
    const doomed = (await readdir(directory)).filter((name) => isAbove(name, timeline));
    for (const name of doomed) {
      await unlink(join(directory, name));
      deleted.push(join(folder, name));
    }
    if (doomed.length > 0) await syncDirectory(directory);
  }
  return deleted;
}

function isAbove(name: string, timeline: Term): boolean {
  const plain = name.replace(STATUS_SUFFIX, "");
  const own = timelineOf(plain, HISTORY_NAME) ?? timelineOf(plain, SEGMENT_NAME);
  return own !== null && own > timeline;
}

function timelineOf(name: string, pattern: RegExp): Term | null {
  const digits = pattern.exec(name)?.[1];
  return digits === undefined ? null : BigInt(`0x${digits}`);
}

/** Parents in a history file, oldest first; empty for a placeholder, null if a line is broken. */
function parseAncestors(text: string): Ancestor[] | null {
  const ancestors: Ancestor[] = [];
  for (const line of text.split("\n")) {
    if (line.trim() === "" || line.trimStart().startsWith("#")) continue;
    const [, timeline, end] = /^\s*(\d+)\s+([0-9A-Fa-f]{1,8}\/[0-9A-Fa-f]{1,8})/.exec(line) ?? [];
    if (timeline === undefined || end === undefined) return null;
    ancestors.push({ timeline: BigInt(timeline), end: parseLsn(end) });
  }
  return ancestors;
}

function hex(value: bigint): string {
  return value.toString(16).toUpperCase().padStart(8, "0");
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: unknown) => {
      if (hasCode(error, "ENOENT")) return false;
      throw error;
    },
  );
}
