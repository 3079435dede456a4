export type RulesetSelectRow = {
  seq: string;
  term: string;
  subterm: number;
  state: string;
  ruleset: string | null;
  written_by: string;
  cause: string;
};

/** The JSON as text: parsing it is ours to do, with a reason when it is not what we wrote. */
export const RULESET_SELECT = `
  select seq::text, term::text, subterm, state, ruleset::text, written_by, cause
    from quorate.ruleset_history
   order by quorate.ruleset_history.seq`;
