import type { NodeId, Ruleset } from "../ruleset/ruleset.js";
import { suffices } from "./sufficiency.js";

/**
 * Whether these nodes, by refusing, leave nobody with enough for an election under this ruleset. It is the question of the
 * election itself, asked of everybody else together: what the largest set cannot do, no part of it can.
 */
export function blocks(ruleset: Ruleset, refusing: ReadonlySet<NodeId>): boolean {
  const others = new Set(ruleset.cohort.map((m) => m.id).filter((id) => !refusing.has(id)));
  return ![...others].some((candidate) => suffices([ruleset], others, candidate));
}
