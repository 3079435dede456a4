export const TERMINATE_BACKENDS = "select pg_terminate_backend(pid) from unnest($1::int[]) as pid";
