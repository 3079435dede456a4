export type PromotionStartRow = { in_recovery: boolean; replay_lsn: string | null; receivers: string };

export const PROMOTION_START = `
  select pg_is_in_recovery() as in_recovery,
         pg_last_wal_replay_lsn()::text as replay_lsn,
         (select count(*) from pg_stat_activity where backend_type = 'walreceiver') as receivers`;
