export type WalsenderNamedRow = { application_name: string };

/** Walsenders whose name is in the setting $1; Postgres compares without regard to case. */
export const WALSENDERS_NAMED = `
  select application_name
    from pg_stat_replication
   where state <> 'backup' and application_name <> ''
     and position('"' || lower(application_name) || '"' in lower($1)) > 0`;
