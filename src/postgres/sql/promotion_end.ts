export type PromotionEndRow = { wal_file: string; flush_lsn: string };

/** The timeline of new records is the first eight digits of the file they go to; pg_control_checkpoint() lags (trap 12). */
export const PROMOTION_END = `
  select pg_walfile_name(pg_current_wal_insert_lsn()) as wal_file, pg_current_wal_flush_lsn()::text as flush_lsn`;
