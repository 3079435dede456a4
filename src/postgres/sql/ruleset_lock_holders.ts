export type LockHolderRow = { pid: number | null };

/** Null: a prepared transaction, which no signal ends. */
export const RULESET_LOCK_HOLDERS = `
  select distinct pid
    from pg_locks
   where locktype = 'relation'
     and database = (select oid from pg_database where datname = current_database())
     and relation = to_regclass('quorate.ruleset_history')
     and granted and mode not in ('AccessShareLock', 'RowShareLock')
     and pid is distinct from pg_backend_pid()`;
