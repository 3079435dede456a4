import type { Lsn } from "../../core/log/lsn.js";
import type { Term } from "../../core/log/position.js";

/** Where a base backup begins and ends; it is consistent from the end on. */
export interface BackupEnds {
  readonly startLsn: Lsn;
  readonly startTimeline: Term;
  readonly endLsn: Lsn;
  readonly endTimeline: Term;
}

/** Beside a clone: `<dir>.clone`. A directory with an `incomplete` one is our own leftover and may be removed. */
export type CloneMarker =
  | { readonly kind: "none" }
  | { readonly kind: "incomplete" }
  | { readonly kind: "complete"; readonly ends: BackupEnds }
  | { readonly kind: "damaged"; readonly reason: string };

export async function readCloneMarker(_cloneDir: string): Promise<CloneMarker> {
  throw new Error("not built yet");
}
