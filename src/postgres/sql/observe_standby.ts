export type ObserveStandbyRow = {
  receive_lsn: string | null;
  replay_lsn: string | null;
  replay_paused: boolean;
  startup_wait: string | null;
  pid: number | null;
  status: string | null;
  slot_name: string | null;
  sender_host: string | null;
  sender_port: number | null;
  received_tli: number | null;
  flushed_lsn: string | null;
  latest_end_lsn: string | null;
};

export const OBSERVE_STANDBY = `
  select pg_last_wal_receive_lsn()::text as receive_lsn,
         pg_last_wal_replay_lsn()::text as replay_lsn,
         pg_get_wal_replay_pause_state() <> 'not paused' as replay_paused,
         (select wait_event from pg_stat_activity where backend_type = 'startup') as startup_wait,
         w.pid, w.status, w.slot_name, w.sender_host, w.sender_port, w.received_tli,
         w.flushed_lsn::text, w.latest_end_lsn::text
    from (select 1) as always
    left join pg_stat_wal_receiver w on true`;
