export type EndClientsRow = { pid: number };

/**
 * Ends every client's session but the given ones, and says which were still there. Who is not authenticated yet meets a
 * shut door (Postgres 18 lists them already). Materialized: in one WHERE clause
 * Postgres may call pg_terminate_backend before it looks at the other conditions, and end this very session.
 */
export const END_CLIENTS = `
  with clients as materialized (
    select pid
      from pg_stat_activity
     where backend_type = 'client backend' and usesysid is not null and pid <> pg_backend_pid() and pid <> all ($1::int[])
  )
  select pid, pg_terminate_backend(pid) from clients`;
