export type WalsenderUnservedRow = { pid: number };

/**
 * Walsenders that hold a slot of ours other than $1, or stream under a follower's name (`n2@7`) without one. A clone under
 * way has another name (`n2-clone@7`).
 */
export const WALSENDERS_UNSERVED = `
  select r.pid
    from pg_stat_replication r
    left join pg_replication_slots s on s.active_pid = r.pid
   where (s.slot_name like 'quorate\\_%' and s.slot_name <> all ($1::text[]))
      or (s.slot_name is null and r.state <> 'backup' and r.application_name ~ '^[a-z][a-z0-9-]*@[0-9]+r?$'
          and r.application_name !~ '-clone@')`;
