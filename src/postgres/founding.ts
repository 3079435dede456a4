import { rm } from "node:fs/promises";
import { releaseSharedMemory } from "./fence.js";
import { initdb } from "./initdb.js";
import type { SafeStartOptions } from "./safe_start.js";

/** A directory of a new cluster in the place of what is there: nothing, or one that this node founded and whose log holds no ruleset. */
export async function foundAnew(start: SafeStartOptions, walSegmentSizeMb: number | undefined): Promise<void> {
  const { binaries, user, dataDir, hba } = start;
  // A dead postmaster's segment is found again by the next start in the same directory, and by nobody in another one.
  await releaseSharedMemory(dataDir);
  await rm(dataDir, { recursive: true, force: true });
  const size = walSegmentSizeMb === undefined ? {} : { walSegmentSizeMb };
  await initdb({ binaries, user, dataDir, superuser: hba.superuser, ...size });
}
