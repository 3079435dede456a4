export const SLOT_DROP = "select pg_drop_replication_slot($1)";
