/** The newest ruleset that was marked decided; a log's first one counts as decided (DESIGN 8). */
export const RULESET_CURRENT_CREATE = `
  create or replace view quorate.current_ruleset as
    select p.term, p.subterm, p.ruleset, p.written_by, p.cause, p.written_at
      from quorate.ruleset_history p
     where p.state = 'proposed'
       and (p.seq = (select min(f.seq) from quorate.ruleset_history f)
            or exists (select from quorate.ruleset_history d
                        where d.state = 'decided' and d.term = p.term and d.subterm = p.subterm))
     order by p.seq desc
     limit 1`;
