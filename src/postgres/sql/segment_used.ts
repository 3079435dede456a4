export type SegmentUsedRow = { used: number };

/** Which part of the segment that is being written is written, 0 to 1. */
export const SEGMENT_USED = `
  select (mod(pg_current_wal_insert_lsn() - '0/0', size) / size)::float8 as used
    from (select pg_size_bytes(current_setting('wal_segment_size'))::numeric as size) as segment`;
