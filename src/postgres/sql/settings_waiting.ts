export type SettingWaitingRow = {
  name: string;
  /** In the unit of the setting, and its default likewise. */
  raw: string;
  boot: string | null;
  /** As SHOW says it. */
  shown: string;
  on_command_line: boolean;
  pending: boolean;
  /** What the files say now; null: nothing. */
  filed: string | null;
  altered: boolean;
  /** Why what the files say is not in force, as Postgres puts it; null: it is, or waits. */
  error: string | null;
};

/**
 * $1: names that are asked for besides. The files are read once: a setting stands in the last of its lines.
 * pg_settings flags a name of the command line too, if a file says something else, although no restart changes it.
 */
export const SETTINGS_WAITING = `
  with filed as materialized (
    select distinct on (lower(name)) lower(name) as name, setting, sourcefile, error
      from pg_file_settings where name is not null order by lower(name), seqno desc)
  select coalesce(s.name, f.name) as name, coalesce(s.setting, '') as raw, s.boot_val as boot,
         coalesce(current_setting(s.name), 'not set') as shown,
         coalesce(s.source = 'command line', false) as on_command_line, coalesce(s.pending_restart, false) as pending,
         f.setting as filed, coalesce(f.sourcefile like '%postgresql.auto.conf', false) as altered,
         case when coalesce(s.pending_restart, false) then null else f.error end as error
    from pg_settings s full join filed f on f.name = lower(s.name)
   where s.pending_restart or s.name = any($1) or f.error is not null
      or (s.source = 'command line' and f.sourcefile like '%postgresql.auto.conf')`;
