/** `false`: pg_promote(true) holds a snapshot that replay may conflict with, and looks only every 100 ms (trap 7). */
export const PROMOTE_REQUEST = "select pg_promote(false)";
