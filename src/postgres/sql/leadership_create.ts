/** For people: nothing is decided by what stands here, and nothing waits for it. `evidence` may grow without other columns. */
export const LEADERSHIP_CREATE = `
  create table if not exists quorate.leadership_history (
    term bigint primary key,
    leader text not null,
    evidence jsonb not null
  )`;
