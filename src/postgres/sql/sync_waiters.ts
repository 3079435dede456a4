export type SyncWaitersRow = { pid: number };

/** Sessions whose commit is in the local log and waits for the quorum. */
export const SYNC_WAITERS = "select pid from pg_stat_activity where wait_event_type = 'IPC' and wait_event = 'SyncRep'";
