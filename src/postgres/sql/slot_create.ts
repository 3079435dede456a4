/** WAL is reserved at once: what the follower needs must not be recycled before it connects. */
export const SLOT_CREATE = "select pg_create_physical_replication_slot($1, true)";
