/**
 * A name in two incarnations is two nodes (hole H8). Whoever streams under a name is one of them, its *seat*; in a
 * ruleset that names the other one its copy never counts, although the name is the same.
 */
import type { Incarnation, NodeId, Ruleset } from "./ruleset.js";
import { memberAmong } from "./ruleset.js";

/** Who may stream under a name. */
export interface Seat {
  readonly id: NodeId;
  readonly incarnation: Incarnation;
}

export type Seats = Readonly<Record<NodeId, Incarnation>>;

/** The incarnation that counts under a name: the one that was let in, else the one that the newest ruleset names. */
export function seatIn(rulesets: readonly Ruleset[], seats: Seats, id: NodeId): Incarnation | undefined {
  return seats[id] ?? memberAmong([...rulesets].reverse(), id)?.incarnation;
}

/**
 * The rulesets, oldest first, with every member whose seat another incarnation has renamed to what no node is called:
 * it still counts for the size of its cohort, and nobody can hold a copy for it.
 */
export function seated(rulesets: readonly Ruleset[], seats: Seats = {}): readonly Ruleset[] {
  const stands = (id: NodeId, incarnation: Incarnation) => seatIn(rulesets, seats, id) === incarnation;
  return rulesets.map((ruleset) =>
    ruleset.cohort.every((m) => stands(m.id, m.incarnation))
      ? ruleset
      : {
          ...ruleset,
          cohort: ruleset.cohort.map((m) =>
            stands(m.id, m.incarnation) ? m : { ...m, id: `${m.id}${GONE}${m.incarnation}` },
          ),
        },
  );
}

/** No node's name has it. */
const GONE = "/";

/** A member that `seated` renamed: it can never hold a copy, so it is nobody's follower. */
export function isGone(id: NodeId): boolean {
  return id.includes(GONE);
}
