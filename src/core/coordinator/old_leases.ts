import type { LeaseLeft } from "../messages.js";
import type { Recruiting } from "./election.js";

/**
 * What the recruited have granted earlier leaders and cannot take back, counted from when each answer came, so a little too
 * long. A leader that was itself recruited stands still: nothing of it is awaited (DESIGN 7).
 */
export function leasesToAwait({ answers, answeredMs }: Recruiting, nowMs: number): LeaseLeft[] {
  const longest = new Map<string, LeaseLeft>();
  for (const [id, answer] of Object.entries(answers)) {
    for (const { leader, term, ms } of answer.leases) {
      const left = ms - (nowMs - (answeredMs[id] ?? nowMs));
      if (left <= 0 || (leader !== null && answers[leader] !== undefined)) continue;
      const key = leader ?? "";
      const known = longest.get(key);
      longest.set(key, {
        leader,
        term: known !== undefined && known.term > term ? known.term : term,
        ms: Math.max(left, known?.ms ?? 0),
      });
    }
  }
  return [...longest.values()];
}
