export type RulesetLogRow = {
  term: string;
  subterm: number;
  state: string;
  written_by: string;
  cause: string;
  at: string;
};

/** The youngest rows, newest first: who wrote them, when and why. */
export const RULESET_LOG = `
  select term::text, subterm, state, written_by, cause,
         to_char(written_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as at
    from quorate.ruleset_history
   order by quorate.ruleset_history.seq desc
   limit $1::bigint`;
