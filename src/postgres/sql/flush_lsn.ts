export type FlushLsnRow = { flush_lsn: string };

export const FLUSH_LSN = "select pg_current_wal_flush_lsn()::text as flush_lsn";
