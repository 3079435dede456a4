export const REPLAY_RESUME = "select pg_wal_replay_resume()";
