import type { Lsn } from "../core/log/lsn.js";
import type { Term } from "../core/log/position.js";
import type { SqlRunner } from "./sql/runner.js";

/** A row of pg_stat_replication. LSNs are null until the walsender has heard from its standby. */
export interface WalsenderRow {
  readonly applicationName: string;
  readonly backendPid: number;
  readonly state: string;
  /** The slot it streams through; null for a connection without one, which must not count. */
  readonly slot: string | null;
  readonly sentLsn: Lsn | null;
  readonly writeLsn: Lsn | null;
  readonly flushLsn: Lsn | null;
  readonly replayLsn: Lsn | null;
}

export interface LeaderView {
  readonly kind: "leader";
  readonly flushLsn: Lsn;
  readonly walsenders: readonly WalsenderRow[];
}

export interface WalreceiverRow {
  readonly pid: number;
  readonly status: string;
  readonly slot: string | null;
  readonly senderHost: string | null;
  readonly senderPort: number | null;
  readonly receivedTimeline: Term | null;
  readonly flushedLsn: Lsn | null;
  /** End of the leader's WAL as last reported by its walsender. */
  readonly latestEndLsn: Lsn | null;
}

export interface StandbyView {
  readonly kind: "standby";
  readonly receiveLsn: Lsn | null;
  readonly replayLsn: Lsn | null;
  readonly walreceiver: WalreceiverRow | null;
  /** What the startup process waits for, e.g. `RecoveryWalStream`. */
  readonly startupWait: string | null;
  readonly replayPaused: boolean;
}

export async function observeLeader(_session: SqlRunner): Promise<LeaderView> {
  throw new Error("not built yet");
}

export async function observeStandby(_session: SqlRunner): Promise<StandbyView> {
  throw new Error("not built yet");
}

/** Asks first whether it is in recovery: one query more. */
export async function observe(_session: SqlRunner): Promise<LeaderView | StandbyView> {
  throw new Error("not built yet");
}
