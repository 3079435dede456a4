export type RevocationStateRow = {
  loaded_at: string;
  receiver_pid: number | null;
  receive_lsn: string | null;
  replay_lsn: string | null;
  pause_state: string;
  startup_wait: string | null;
};

/**
 * pg_stat_wal_receiver hides a walreceiver that is still connecting, so the process list is asked as well.
 * The replay LSN is read before the wait event: a process that waits has replayed at least that much.
 */
export const REVOCATION_STATE = `
  select pg_conf_load_time()::text as loaded_at,
         coalesce((select pid from pg_stat_wal_receiver),
                  (select min(pid) from pg_stat_activity where backend_type = 'walreceiver')) as receiver_pid,
         pg_last_wal_receive_lsn()::text as receive_lsn,
         pg_last_wal_replay_lsn()::text as replay_lsn,
         pg_get_wal_replay_pause_state() as pause_state,
         (select wait_event from pg_stat_activity where backend_type = 'startup') as startup_wait`;
