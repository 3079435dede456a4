export type SlotRow = { slot_name: string; active_pid: number | null; lost: boolean };

/** `_` is a wildcard of LIKE, so it is escaped: a user's slot must never be taken for ours. */
export const SLOTS_OURS = `
  select slot_name, active_pid, wal_status is not distinct from 'lost' as lost
    from pg_replication_slots
   where slot_type = 'physical' and slot_name like replace($1, '_', '\\_')
   order by slot_name`;
