export type ObserveLeaderRow = {
  wal_flush_lsn: string;
  names: string;
  /** Null in every column when nobody streams: the join is an outer one. */
  pid: number | null;
  application_name: string | null;
  state: string | null;
  slot_name: string | null;
  sent_lsn: string | null;
  write_lsn: string | null;
  flush_lsn: string | null;
  replay_lsn: string | null;
};

/** One statement, so that the WAL's end is at least what any follower is said to have flushed. */
export const OBSERVE_LEADER = `
  select r.pid, r.application_name, r.state, s.slot_name,
         r.sent_lsn::text, r.write_lsn::text, r.flush_lsn::text, r.replay_lsn::text,
         pg_current_wal_flush_lsn()::text as wal_flush_lsn,
         current_setting('synchronous_standby_names') as names
    from (select 1) as always
    left join pg_stat_replication r on true
    left join pg_replication_slots s on s.active_pid = r.pid
   order by r.pid`;
