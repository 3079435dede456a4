import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Lsn } from "../core/log/lsn.js";
import type { Term } from "../core/log/position.js";
import { crc32c } from "./crc32c.js";

const STATES = [
  "starting up",
  "shut down",
  "shut down in recovery",
  "shutting down",
  "in crash recovery",
  "in archive recovery",
  "in production",
] as const;

export type ControlState = (typeof STATES)[number];

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
  /** Settings of the primary that wrote the WAL; a standby with less of one of them refuses to start. */
  readonly primarySettings: Readonly<Record<string, number>>;
}

/**
 * Offsets in ControlFileData (src/include/catalog/pg_control.h). 15 to 17 share version 1300; 18 put wal_level into
 * padding of the checkpoint and one boolean before the nonce, so that only the checksum moved.
 */
const OFFSET = {
  systemIdentifier: 0,
  controlVersion: 8,
  state: 16,
  checkpointLsn: 32,
  redoLsn: 40,
  checkpointTimeline: 48,
  minRecoveryLsn: 136,
  minRecoveryTimeline: 144,
  walSegmentBytes: 228,
  dataChecksums: 252,
} as const;

const PRIMARY_SETTINGS: Readonly<Record<string, number>> = {
  max_connections: 180,
  max_worker_processes: 184,
  max_wal_senders: 188,
  max_prepared_transactions: 192,
  max_locks_per_transaction: 196,
};

const CRC_OFFSET: Readonly<Record<number, number>> = { 1300: 288, 1800: 292 };

const READ_ATTEMPTS = 5;
const RETRY_PAUSE_MS = 5;

/** Of a running Postgres too: a read in the middle of its write fails the checksum and is repeated. */
export async function readControlData(dataDir: string): Promise<ControlData> {
  const path = join(dataDir, "global", "pg_control");
  for (let attempt = 1; ; attempt++) {
    const bytes = await readFile(path);
    try {
      return parseControlData(bytes);
    } catch (cause) {
      if (attempt === READ_ATTEMPTS)
        throw new Error(`${path}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
      await delay(RETRY_PAUSE_MS);
    }
  }
}

/** @throws if the checksum or the version is wrong. */
export function parseControlData(bytes: Buffer): ControlData {
  const version = bytes.length >= 12 ? bytes.readUInt32LE(OFFSET.controlVersion) : 0;
  const crcAt = CRC_OFFSET[version];
  if (crcAt === undefined || bytes.length < crcAt + 4) {
    throw new Error(
      `control data of version ${version}, known are ${Object.keys(CRC_OFFSET).join(" and ")}; is it a data directory of Postgres 15 to 18?`,
    );
  }
  if (crc32c(bytes.subarray(0, crcAt)) !== bytes.readUInt32LE(crcAt)) {
    throw new Error("the checksum of the control data is wrong; the directory is damaged, clone it again");
  }
  const state = STATES[bytes.readUInt32LE(OFFSET.state)];
  if (state === undefined)
    throw new Error(`unknown database state ${bytes.readUInt32LE(OFFSET.state)} in the control data`);
  return {
    systemIdentifier: bytes.readBigUInt64LE(OFFSET.systemIdentifier),
    controlVersion: version,
    state,
    checkpointLsn: bytes.readBigUInt64LE(OFFSET.checkpointLsn),
    checkpointTimeline: BigInt(bytes.readUInt32LE(OFFSET.checkpointTimeline)),
    redoLsn: bytes.readBigUInt64LE(OFFSET.redoLsn),
    minRecoveryLsn: bytes.readBigUInt64LE(OFFSET.minRecoveryLsn),
    minRecoveryTimeline: BigInt(bytes.readUInt32LE(OFFSET.minRecoveryTimeline)),
    walSegmentBytes: bytes.readUInt32LE(OFFSET.walSegmentBytes),
    dataChecksums: bytes.readUInt32LE(OFFSET.dataChecksums) !== 0,
    primarySettings: Object.fromEntries(
      Object.entries(PRIMARY_SETTINGS).map(([name, offset]) => [name, bytes.readUInt32LE(offset)]),
    ),
  };
}
