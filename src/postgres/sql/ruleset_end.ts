export type RulesetEndRow = { seq: string };

/** Another table of the same name has other rows, and another number. */
export const RULESET_END = `
  select 'quorate.ruleset_history'::regclass::oid || '/' || coalesce(max(seq), 0) as seq from quorate.ruleset_history`;
