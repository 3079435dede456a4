/**
 * On a standby: nothing fetches WAL here, so its slots are moved by hand, each ($1) as far as its node has the WAL by its own
 * word ($2), and never beyond what a restart of this standby, or a rewind from it, would begin with: that is kept anyway.
 */
export const SLOTS_ADVANCE = `
  select pg_replication_slot_advance(s.slot_name, least(w.has, c.redo_lsn, pg_last_wal_replay_lsn()))
    from unnest($1::text[], $2::pg_lsn[]) as w(slot_name, has)
    join pg_replication_slots s on s.slot_name = w.slot_name
   cross join pg_control_checkpoint() c
   where s.slot_type = 'physical' and not s.active
     and s.wal_status is distinct from 'lost'
     and s.restart_lsn < least(w.has, c.redo_lsn, pg_last_wal_replay_lsn())`;
