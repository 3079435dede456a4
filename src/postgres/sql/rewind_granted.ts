export type RewindGrantedRow = { granted: boolean };

/** https://www.postgresql.org/docs/current/app-pgrewind.html: what a role needs to be rewound from that is no superuser. */
export const REWIND_FUNCTIONS = [
  "pg_catalog.pg_ls_dir(text, boolean, boolean)",
  "pg_catalog.pg_stat_file(text, boolean)",
  "pg_catalog.pg_read_binary_file(text)",
  "pg_catalog.pg_read_binary_file(text, bigint, bigint, boolean)",
] as const;

export const REWIND_GRANTED =
  "select bool_and(has_function_privilege($1, f, 'execute')) as granted from unnest($2::text[]) as f";
