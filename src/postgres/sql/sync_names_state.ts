export type SyncNamesStateRow = { names: string; loaded_at: string };

/** `loaded_at` in microseconds, to be compared with when a walsender was born. */
export const SYNC_NAMES_STATE = `
  select current_setting('synchronous_standby_names') as names,
         (extract(epoch from pg_conf_load_time()) * 1000000)::bigint::text as loaded_at`;
