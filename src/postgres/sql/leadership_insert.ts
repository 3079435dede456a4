export const LEADERSHIP_INSERT = `
  insert into quorate.leadership_history (term, leader, evidence)
  values ($1::bigint, $2, $3::jsonb)
  on conflict (term) do nothing`;
