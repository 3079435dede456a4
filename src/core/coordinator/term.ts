import { knownLeader } from "../detector/detector.js";
import type { Term } from "../log/position.js";
import { TERM_NONE } from "../log/position.js";
import type { Turn } from "../turn.js";

/** The highest term this node has seen anywhere: the next attempt is one above it. */
export function highestTerm(turn: Turn): Term {
  let highest = turn.durable.promise.term;
  const raise = (term: Term) => {
    if (term > highest) highest = term;
  };
  raise(turn.durable.promotionStarted);
  raise(turn.postgres.position.timeline);
  raise(knownLeader(turn.state())?.term ?? TERM_NONE);
  for (const { status } of Object.values(turn.volatile.peers)) {
    if (status === null) continue;
    raise(status.promise);
    raise(status.ledUntil);
    raise(status.position.timeline);
  }
  return highest;
}
