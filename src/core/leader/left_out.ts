/** A leader that learns of its successor although the successor has nothing to say to it. */
import { knownLeader, seesLeader } from "../detector/detector.js";
import type { Turn } from "../turn.js";
import { stepDown } from "./office.js";

/**
 * The new leader's `Follow` ends an old one. One whom the new rules left out while it was cut off is sent none, and would
 * take writes for ever that nobody completes. What is established under a higher term was recruited from nodes without
 * which this one has no quorum, so it gives nothing up.
 */
export function leaveIfLeftOut(turn: Turn): void {
  const { leading, outside } = turn.volatile;
  const state = turn.state();
  const known = knownLeader(state);
  if (!outside || leading === null || known === null || known.term <= leading.term || !seesLeader(state, known)) return;
  stepDown(turn, `${known.leader} leads term ${known.term}, by rules that do not name this node`);
}
