/** Wakes the startup process, which confirms the pause when it comes round its loop. */
export const REPLAY_PAUSE = "select pg_wal_replay_pause()";
