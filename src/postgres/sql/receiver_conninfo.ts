export type ReceiverConninfoRow = { setting: string; receiver: string | null };

/** What the receiver dialled with (its password hidden), and what it would dial with now. */
export const RECEIVER_CONNINFO = `
  select current_setting('primary_conninfo') as setting,
         (select conninfo from pg_stat_wal_receiver) as receiver`;
