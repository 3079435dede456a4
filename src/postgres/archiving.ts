/**
 * Archiving, which only an established leader does (POSTGRES.md K): two nodes that archive different contents under one
 * name ruin a backup. `archive_mode` is on wherever there is a command; until a leader is established, and on every
 * follower, the command is empty, and Postgres keeps what waits.
 */
import { readdir, rename } from "node:fs/promises";
import { join } from "node:path";
import type { History } from "../core/log/history.js";
import { readControlData } from "./control_data.js";
import { hasCode, syncDirectory } from "./durable_files.js";
import type { RevokeWays } from "./revoke.js";

/** What every start puts in force: nothing is archived. */
export const NOT_ARCHIVING = { archive_command: "" } as const;

/** The user's command, null if there is none: https://www.postgresql.org/docs/current/continuous-archiving.html */
export function archiveCommandOf(settings: Readonly<Record<string, string>> = {}): string | null {
  const [, command = ""] = Object.entries(settings).find(([name]) => name.toLowerCase() === "archive_command") ?? [];
  return command.trim() === "" ? null : command;
}

export interface ArchiverOptions {
  readonly dataDir: string;
  readonly userSettings?: Readonly<Record<string, string>>;
}

/** Of one node: whether its Postgres may archive, and what. */
export class Archiver {
  /** Of the term it was promoted under; null where it does not lead. */
  history: History | null = null;
  private readonly options: ArchiverOptions;
  private readonly timed: (what: string, ms: number) => void;

  constructor(options: ArchiverOptions, timed: (what: string, ms: number) => void) {
    this.options = options;
    this.timed = timed;
  }

  /**
   * To be called when the door is open: a leader's is opened once it is established. What a follower received it holds for
   * archived, although the leader that died may not have done so; recovery to a point in time would then end early without
   * an error. So all that is still here of this leader's own past is offered again first: a command whose archive has a
   * file already must say so with exit code 0.
   */
  async begin(ways: Pick<RevokeWays, "setAutoConf" | "reload">): Promise<void> {
    const command = archiveCommandOf(this.options.userSettings);
    if (this.history === null || command === null) return;
    const fromMs = performance.now();
    const offered = await offerAgain(this.options.dataDir, this.history);
    // The reload wakes the archiver, which looks for what is ready.
    await ways.setAutoConf({ archive_command: command });
    await ways.reload();
    this.timed(`archiving: begun, ${offered} files offered again`, performance.now() - fromMs);
  }
}

async function offerAgain(dataDir: string, history: History): Promise<number> {
  const { walSegmentBytes } = await readControlData(dataDir);
  const folder = join(dataDir, "pg_wal", "archive_status");
  let offered = 0;
  for (const name of await readdir(folder)) {
    const file = name.endsWith(DONE) ? name.slice(0, -DONE.length) : null;
    if (file === null || !isPast(file, history, BigInt(walSegmentBytes))) continue;
    try {
      await rename(join(folder, name), join(folder, `${file}.ready`));
      offered += 1;
    } catch (error) {
      // Postgres removes it together with its segment, which it holds for archived.
      if (!hasCode(error, "ENOENT")) throw error;
    }
  }
  if (offered > 0) await syncDirectory(folder);
  return offered;
}

const DONE = ".done";
const SEGMENT = /^([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})$/;
const HISTORY_FILE = /^([0-9A-F]{8})\.history$/;

/**
 * Whether a file of pg_wal belongs to the leader's own past: a segment of its timeline or of an ancestor that begins before
 * that one's end, or their history files. Placeholders of terms that nobody led are nobody's past.
 */
export function isPast(file: string, history: History, segmentBytes: bigint): boolean {
  const [, ofHistory] = HISTORY_FILE.exec(file) ?? [];
  if (ofHistory !== undefined) {
    const timeline = hexOf(ofHistory);
    return timeline === history.timeline || history.ancestors.some((a) => a.timeline === timeline);
  }
  const [, first = "", high = "", low = ""] = SEGMENT.exec(file) ?? [];
  if (first === "") return false;
  const timeline = hexOf(first);
  if (timeline === history.timeline) return true;
  const ancestor = history.ancestors.find((a) => a.timeline === timeline);
  const begin = hexOf(high) * 0x1_0000_0000n + hexOf(low) * segmentBytes;
  return ancestor !== undefined && begin < ancestor.end;
}

function hexOf(digits: string): bigint {
  return BigInt(`0x${digits}`);
}
