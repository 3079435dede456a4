import type { State } from "../state.js";
import type { Turn } from "../turn.js";
import type { InForce } from "./in_force.js";
import { inForce } from "./in_force.js";
import type { Incarnation, NodeId } from "./ruleset.js";
import { compareNumbers, memberOf } from "./ruleset.js";

/**
 * The newest rules this node knows of, its own log's or another's: all should agree who coordinates, or they duel. For
 * who acts, never for what counts.
 */
export function rulesKnown(state: State): InForce | undefined {
  let known = inForce(state.volatile.postgres.rulesets);
  for (const { status } of Object.values(state.volatile.peers)) {
    const told = inForce(status?.rulesets ?? []);
    if (told === undefined || (known !== undefined && compareNumbers(told.newestNumber, known.newestNumber) <= 0))
      continue;
    known = told;
  }
  return known;
}

/** Whether a ruleset in force names this node; before there is any, the configuration. */
export function mayCoordinate(state: State, id: NodeId, incarnation: Incarnation, rules = rulesKnown(state)): boolean {
  if (rules === undefined) return state.config.initial.nodes.some((node) => node.id === id);
  return rules.obliged.some((ruleset) => memberOf(ruleset, id)?.incarnation === incarnation);
}

/**
 * A node that no ruleset in force names is an observer, or was removed: it follows and promises like everybody, but it
 * coordinates nothing and its copy never counts. Whether it is one is said once, when it changes.
 */
export function noteMembership(turn: Turn): void {
  const outside = !mayCoordinate(turn.state(), turn.self, turn.durable.incarnation);
  if (outside === turn.volatile.outside) return;
  turn.set({ outside });
  if (outside)
    turn.note(
      "info",
      "outside",
      "no ruleset in force names it: it coordinates nothing and its copy does not count",
      {},
    );
  else turn.note("info", "inside", "a ruleset in force names it", {});
}
