/** Far more than a term leaves in a row; a history grows for ever, and this is read every two seconds. */
const ROWS_MAX = 16;

/** The youngest rows of `RULESET_SELECT`, oldest first. */
export const RULESET_NEWEST = `
  select * from (
    select seq::text, term::text, subterm, state, ruleset::text, written_by, cause, seq as place
      from quorate.ruleset_history
     order by place desc
     limit ${ROWS_MAX}) as youngest
   order by place`;
