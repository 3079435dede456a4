import { constants } from "node:fs";
import { access, lstat, readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Position } from "../core/log/position.js";
import type { RejoinMeans } from "../core/postgres_known.js";
import { readControlData } from "./control_data.js";
import { KEEP_FREE_BYTES, obstacleTo } from "./disk_room.js";
import { hasCode } from "./durable_files.js";
import type { SafeStartOptions } from "./safe_start.js";

/** Data grows slowly against that, and it is only needed to tell much from little. */
const COUNT_AGAIN_MS = 60_000;

/** What a diverged node could do, found out beforehand as far as it takes time: an election waits for the answer. */
export class RewindMeans {
  private bytes: number | null = null;
  private countedMs = Number.NEGATIVE_INFINITY;

  /** @param enoughBytes counting ends there: the larger the data, the less there is to do. */
  constructor(
    private readonly start: Pick<SafeStartOptions, "binaries" | "dataDir">,
    private readonly enoughBytes: number,
  ) {}

  /** Now and then, in the background. */
  async count(): Promise<void> {
    const nowMs = performance.now();
    if (nowMs - this.countedMs < COUNT_AGAIN_MS) return;
    this.countedMs = nowMs;
    this.bytes = await bytesBelow(this.start.dataDir, this.enoughBytes);
  }

  /** Of a node that stands still at this position. */
  async at(position: Position): Promise<RejoinMeans> {
    // Nothing that is wrong here may keep the node from its standstill.
    const noRewind = await this.obstacle(position).catch((error: unknown) => `its data cannot be looked at: ${error}`);
    return { bytes: this.bytes, noRewind, noClone: this.noClone() };
  }

  /** As far as is known here: of much data the source says how much more there is. */
  private noClone(): string | null {
    if (this.bytes === null) return null;
    try {
      return obstacleTo(dirname(this.start.dataDir), this.bytes, KEEP_FREE_BYTES);
    } catch {
      // A disk that cannot be asked may have room: the clone itself is refused if it has not.
      return null;
    }
  }

  private async obstacle({ timeline }: Position): Promise<string | null> {
    const { binaries, dataDir } = this.start;
    const program = join(binaries.binDir, "pg_rewind");
    const installed = await access(program, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (!installed) return `there is no pg_rewind in ${binaries.binDir}`;
    // It would make the source's links here, and two nodes of one host would share a directory.
    if ((await readdir(join(dataDir, "pg_tblspc"))).length > 0) return "its data has tablespaces";
    const { checkpointTimeline } = await readControlData(dataDir);
    if (checkpointTimeline < timeline)
      return `its own last checkpoint is of timeline ${checkpointTimeline}, and its log of ${timeline}`;
    return null;
  }
}

/** The sum of its files, without links, up to about `enough`. What goes meanwhile does not count. */
export async function bytesBelow(directory: string, enough: number): Promise<number> {
  let total = 0;
  const folders = [directory];
  for (let folder = folders.pop(); folder !== undefined && total < enough; folder = folders.pop()) {
    for (const entry of await readdir(folder, { withFileTypes: true }).catch(gone([]))) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) folders.push(path);
      else if (entry.isFile()) total += (await lstat(path).catch(gone({ size: 0 }))).size;
      if (total >= enough) break;
    }
  }
  return total;
}

function gone<T>(instead: T): (error: unknown) => T {
  return (error) => {
    if (hasCode(error, "ENOENT")) return instead;
    throw error;
  };
}
