export type TermsBegunRow = { term: string; written_by: string; cause: string; at: string };

/** The youngest changes of leadership; a term's first record has subterm 0. */
export const TERMS_BEGUN = `
  select term::text, written_by, cause, to_char(written_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as at
    from quorate.ruleset_history
   where state = 'proposed' and subterm = 0
   order by quorate.ruleset_history.seq desc
   limit 1000`;
