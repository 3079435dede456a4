import type { Lsn } from "../core/log/lsn.js";
import { parseLsn } from "../core/log/lsn.js";
import type { Term } from "../core/log/position.js";
import { IN_RECOVERY, type InRecoveryRow } from "./sql/in_recovery.js";
import { OBSERVE_LEADER, type ObserveLeaderRow } from "./sql/observe_leader.js";
import { OBSERVE_STANDBY, type ObserveStandbyRow } from "./sql/observe_standby.js";
import { oneRow } from "./sql/one_row.js";
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
  /** synchronous_standby_names as this session has loaded it. */
  readonly names: string;
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

export async function observeLeader(session: SqlRunner): Promise<LeaderView> {
  const rows = await session.query<ObserveLeaderRow>(OBSERVE_LEADER);
  const first = rows[0];
  if (first === undefined) throw new Error("Postgres did not say where its WAL ends");
  return {
    kind: "leader",
    names: first.names,
    flushLsn: parseLsn(first.wal_flush_lsn),
    walsenders: rows.flatMap(walsenderOf),
  };
}

function walsenderOf(row: ObserveLeaderRow): WalsenderRow[] {
  if (row.pid === null) return [];
  return [
    {
      applicationName: row.application_name ?? "",
      backendPid: row.pid,
      state: row.state ?? "",
      slot: row.slot_name,
      sentLsn: lsnOrNull(row.sent_lsn),
      writeLsn: lsnOrNull(row.write_lsn),
      flushLsn: lsnOrNull(row.flush_lsn),
      replayLsn: lsnOrNull(row.replay_lsn),
    },
  ];
}

export async function observeStandby(session: SqlRunner): Promise<StandbyView> {
  const row = await oneRow<ObserveStandbyRow>(session, OBSERVE_STANDBY);
  return {
    kind: "standby",
    receiveLsn: lsnOrNull(row.receive_lsn),
    replayLsn: lsnOrNull(row.replay_lsn),
    walreceiver: walreceiverOf(row),
    startupWait: row.startup_wait,
    replayPaused: row.replay_paused,
  };
}

function walreceiverOf(row: ObserveStandbyRow): WalreceiverRow | null {
  if (row.pid === null) return null;
  return {
    pid: row.pid,
    status: row.status ?? "",
    slot: row.slot_name,
    senderHost: row.sender_host,
    senderPort: row.sender_port,
    receivedTimeline: row.received_tli === null ? null : BigInt(row.received_tli),
    flushedLsn: lsnOrNull(row.flushed_lsn),
    latestEndLsn: lsnOrNull(row.latest_end_lsn),
  };
}

function lsnOrNull(text: string | null): Lsn | null {
  return text === null ? null : parseLsn(text);
}

/** Asks first whether it is in recovery: one query more. */
export async function observe(session: SqlRunner): Promise<LeaderView | StandbyView> {
  const { in_recovery } = await oneRow<InRecoveryRow>(session, IN_RECOVERY);
  return in_recovery ? observeStandby(session) : observeLeader(session);
}
