import type { Lsn } from "../core/log/lsn.js";
import type { Term } from "../core/log/position.js";

export type ControlState =
  | "starting up"
  | "shut down"
  | "shut down in recovery"
  | "shutting down"
  | "in crash recovery"
  | "in archive recovery"
  | "in production";

/** What we use of global/pg_control. */
export interface ControlData {
  readonly systemIdentifier: bigint;
  readonly controlVersion: number;
  readonly state: ControlState;
  readonly checkpointLsn: Lsn;
  readonly checkpointTimeline: Term;
  readonly redoLsn: Lsn;
  readonly minRecoveryLsn: Lsn;
  /** Zero if not in recovery. */
  readonly minRecoveryTimeline: Term;
  readonly walSegmentBytes: number;
  readonly dataChecksums: boolean;
}

export async function readControlData(_dataDir: string): Promise<ControlData> {
  throw new Error("not built yet");
}

/** @throws if the checksum or the version is wrong. */
export function parseControlData(_bytes: Buffer): ControlData {
  throw new Error("not built yet");
}
