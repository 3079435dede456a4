import { statfsSync } from "node:fs";

/** What may come beyond an estimate of Postgres': the WAL of the time that a clone takes, and files that grow meanwhile. */
const MORE_RATIO = 1.02;

/** What is to be free beside a clone when it is there. */
export const KEEP_FREE_BYTES = 64 * 2 ** 20;

/** There is not enough room on a disk; the message says how much there is. */
export class NoRoom extends Error {
  override readonly name = "NoRoom";
  readonly code = "ENOSPC";
}

/** Why so much more has no place in this folder, null if it has. What is kept for root does not count as free. */
export function obstacleTo(folder: string, bytes: number, keepFreeBytes: number): string | null {
  const { bavail, bsize } = statfsSync(folder);
  const freeBytes = bavail * bsize;
  const neededBytes = bytes * MORE_RATIO + keepFreeBytes;
  return freeBytes >= neededBytes ? null : `it needs ${megabytes(neededBytes)}, and ${megabytes(freeBytes)} are free`;
}

/** @throws {NoRoom} */
export function checkRoom(folder: string, bytes: number, keepFreeBytes: number): void {
  const obstacle = obstacleTo(folder, bytes, keepFreeBytes);
  if (obstacle !== null) throw new NoRoom(obstacle);
}

function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)} MB`;
}
