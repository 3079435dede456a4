export type RulesetNumbersRow = { found: number };

/** How many of the proposals numbered ($1, $2), pair by pair, are in the table. */
export const RULESET_NUMBERS = `
  select count(distinct (h.term, h.subterm))::integer as found
    from unnest($1::bigint[], $2::integer[]) as wanted (term, subterm)
    join quorate.ruleset_history h
      on h.state = 'proposed' and h.term = wanted.term and h.subterm = wanted.subterm`;
