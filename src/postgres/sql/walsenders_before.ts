export type WalsenderBeforeRow = { pid: number };

/** Followers that stream and have not flushed up to $1 yet. */
export const WALSENDERS_BEFORE = `
  select pid from pg_stat_replication where state = 'streaming' and (flush_lsn is null or flush_lsn < $1::pg_lsn)`;
