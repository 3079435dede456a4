/** What a leader shows of its rules, for people. */
import type { ChangeShown, Enforced } from "../messages.js";
import { compileNative } from "../quorum/sync_standby_names.js";
import type { NodeId } from "../ruleset/ruleset.js";
import type { Leading } from "../state.js";

export function changeShown({ change, ruleset }: Leading): ChangeShown | null {
  if (change === null) return null;
  const { stage, request } = change;
  const asked = request.cohort ?? ruleset.cohort;
  return {
    stage,
    number: change.stage === "waiting" ? null : change.number,
    cause: request.cause,
    cohort: asked.map(({ id }) => id),
    waitsFor: change.stage === "waiting" ? change.noted : "",
  };
}

/** Null while what is in force is not known. */
export function enforcedShown(leading: Leading, self: NodeId): Enforced | null {
  if (leading.names === "") return null;
  const compiled = compileNative(leading.obliged, self, leading.seats);
  return { names: leading.names, exact: compiled.ok && compiled.rule.exact };
}
