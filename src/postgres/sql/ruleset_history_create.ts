/** `seq` is no identity: sequence numbers may repeat after a failover (POSTGRES.md trap 24). */
export const RULESET_HISTORY_CREATE = `
  create table if not exists quorate.ruleset_history (
    seq bigint primary key,
    term bigint not null,
    subterm integer not null,
    state text not null check (state in ('proposed', 'decided', 'void')),
    ruleset jsonb,
    written_by text not null,
    cause text not null,
    written_at timestamptz not null default clock_timestamp(),
    check ((state = 'proposed') = (ruleset is not null))
  )`;
