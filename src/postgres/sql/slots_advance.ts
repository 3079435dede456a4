/**
 * On a standby: our slots, left from its own time as leader, hold back WAL that nobody fetches here. Those that lag by more
 * than a segment are brought up to what is replayed; dropping and making them again would be failover time.
 */
export const SLOTS_ADVANCE = `
  select pg_replication_slot_advance(slot_name, pg_last_wal_replay_lsn())
    from pg_replication_slots
   where slot_type = 'physical' and slot_name like replace($1, '_', '\\_') and not active
     and wal_status is distinct from 'lost'
     and pg_wal_lsn_diff(pg_last_wal_replay_lsn(), restart_lsn) > 16 * 1024 * 1024`;
