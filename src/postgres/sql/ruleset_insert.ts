export const RULESET_INSERT = `
  insert into quorate.ruleset_history (seq, term, subterm, state, ruleset, written_by, cause)
  select coalesce(max(seq), 0) + 1, $1::bigint, $2::integer, $3, $4::jsonb, $5, $6 from quorate.ruleset_history`;
