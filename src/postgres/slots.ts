import type { NodeId } from "../core/ruleset/ruleset.js";
import type { SqlRunner } from "./sql/runner.js";

/** The physical slot of a follower: `quorate_n2`, `-` as `_` (ids have no `_`, so no two share a name). */
export function slotName(_id: NodeId): string {
  throw new Error("not built yet");
}

/** Creates the missing slots, WAL reserved at once; existing ones are kept as they are. Returns the names created. */
export async function ensureSlots(_session: SqlRunner, _ids: readonly NodeId[]): Promise<readonly string[]> {
  throw new Error("not built yet");
}

/** Drops our slots of everybody else. Slots in use cannot be dropped and are returned. */
export async function dropSlotsExcept(_session: SqlRunner, _keep: readonly NodeId[]): Promise<readonly string[]> {
  throw new Error("not built yet");
}
