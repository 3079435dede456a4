/** Settings of the local Postgres that are not in force as they stand, as its adapter sees them. */

/** In force only after its next start. Values as Postgres shows them. */
export interface PendingSetting {
  readonly name: string;
  /** What runs. */
  readonly from: string;
  readonly to: string;
}

/** Written somewhere, and not what a restart would put in force either. */
export interface HeldSetting {
  readonly name: string;
  readonly wanted: string;
  readonly runs: string;
  readonly why: string;
}

export interface SettingsSeen {
  /** Of which process: what is known of one that ended is over. */
  readonly postmasterPid: number;
  readonly pending: readonly PendingSetting[];
  readonly held: readonly HeldSetting[];
}

/**
 * A standby with less of one of these than the primary that writes its log pauses its replay, or refuses to start.
 * https://www.postgresql.org/docs/current/hot-standby.html#HOT-STANDBY-ADMIN
 */
export const AS_HIGH_AS_THE_PRIMARY: ReadonlySet<string> = new Set([
  ...["max_connections", "max_worker_processes", "max_wal_senders", "max_prepared_transactions"],
  "max_locks_per_transaction",
]);

/** A standby that waits for this one must be started again before anybody leads with the new value. */
export function isRaiseForStandbys({ name, from, to }: PendingSetting): boolean {
  return AS_HIGH_AS_THE_PRIMARY.has(name) && Number(to) > Number(from);
}
