export type RoleExistsRow = { present: boolean };

export const ROLE_EXISTS = "select exists (select from pg_roles where rolname = $1) as present";
