import type { InForce } from "../ruleset/in_force.js";
import { inForce } from "../ruleset/in_force.js";
import type { NodeId, Ruleset } from "../ruleset/ruleset.js";
import { compareNumbers, memberOf, sameRuleset } from "../ruleset/ruleset.js";
import type { Answer } from "./decide.js";

/**
 * The rules if what is undecided in the newest log were void: allowed to a recruitment that holds every writer of an
 * undecided ruleset and sees no mark of it in that writer's own log. A leader marks before it lets the old rules go, and
 * its mark is in its own log first: so none of them ever let them go, and being recruited none ever will (DESIGN 6.5).
 * Null if nothing is undecided, or a writer is missing or marked it.
 */
export function ifVoid(rules: InForce, recruited: readonly Answer[]): InForce | null {
  const undecided = rules.pending.filter((p) => !sameRuleset(p.ruleset, rules.decided));
  if (undecided.length === 0) return null;
  const unmarked = undecided.every(({ number, writtenBy }) => {
    const writer = recruited.find((a) => a.id === writtenBy && isNamed(rules.obliged, a));
    const own = inForce(writer?.rulesets ?? []);
    return own?.pending.some((p) => compareNumbers(p.number, number) === 0) === true;
  });
  if (!unmarked) return null;
  const { base, decided, decidedNumber } = rules;
  return {
    base,
    decided,
    decidedNumber,
    newest: decided,
    newestNumber: decidedNumber,
    newestDecided: true,
    pending: [],
    obliged: [decided],
    all: [decided, decided],
  };
}

/** Who proposed what is undecided and has not answered: with them it could be proved void. */
export function writersMissing(rules: InForce, recruited: readonly Answer[]): NodeId[] {
  const writers = rules.pending.filter((p) => !sameRuleset(p.ruleset, rules.decided)).map((p) => p.writtenBy);
  return [...new Set(writers)].filter((id) => !recruited.some((a) => a.id === id && isNamed(rules.obliged, a))).sort();
}

/** The writer itself, not a wiped node under its name. */
function isNamed(rulesets: readonly Ruleset[], answer: Answer): boolean {
  return rulesets.some((ruleset) => memberOf(ruleset, answer.id)?.incarnation === answer.incarnation);
}
