import { assert } from "../assert.js";
import { compileNative, formatNames } from "../quorum/sync_standby_names.js";
import type { NodeId } from "../ruleset/ruleset.js";
import type { Leading } from "../state.js";

/** The setting that the rules of now ask for. */
export function namesWanted(leading: Pick<Leading, "obliged" | "seats" | "term">, self: NodeId): string {
  const compiled = compileNative(leading.obliged, self, leading.seats);
  assert(compiled.ok, "what is obliged was enforceable when it came into force");
  return formatNames(compiled.rule, leading.term);
}
