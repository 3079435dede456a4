export type WalsenderBehindRow = { pid: number; application_name: string };

/**
 * Walsenders older than the reload ($1, in microseconds) that have not reported the mark ($2) flushed. Younger ones were
 * born with the new values. A base backup acknowledges nothing.
 */
export const WALSENDERS_BEHIND = `
  select pid, application_name
    from pg_stat_replication
   where state <> 'backup'
     and (extract(epoch from backend_start) * 1000000)::bigint <= $1::bigint
     and (flush_lsn is null or flush_lsn < $2::pg_lsn)`;
