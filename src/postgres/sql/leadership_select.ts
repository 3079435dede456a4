export type LeadershipSelectRow = { term: string; leader: string; evidence: string };

/** The JSON as text, since somebody may have written something else into it. */
export const LEADERSHIP_SELECT = `
  select term::text, leader, evidence::text
    from quorate.leadership_history
   order by quorate.leadership_history.term desc
   limit $1::bigint`;
