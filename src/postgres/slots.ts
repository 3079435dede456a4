import type { NodeId } from "../core/ruleset/ruleset.js";
import type { SqlRunner } from "./sql/runner.js";
import { SLOT_CREATE } from "./sql/slot_create.js";
import { SLOT_DROP } from "./sql/slot_drop.js";
import { SLOTS_OURS, type SlotRow } from "./sql/slots_ours.js";

const SLOT_PREFIX = "quorate_";

/** The physical slot of a follower: `quorate_n2`, `-` as `_` (ids have no `_`, so no two share a name). */
export function slotName(id: NodeId): string {
  return `${SLOT_PREFIX}${id.replaceAll("-", "_")}`;
}

/**
 * Creates the missing slots, WAL reserved at once; existing ones are kept as they are, but for those whose WAL is gone:
 * through such a slot nobody can stream any more. Returns the names created.
 */
export async function ensureSlots(session: SqlRunner, ids: readonly NodeId[]): Promise<readonly string[]> {
  const rows = await session.query<SlotRow>(SLOTS_OURS, [`${SLOT_PREFIX}%`]);
  for (const row of rows) if (row.lost && !row.active) await session.query(SLOT_DROP, [row.slot_name]);
  const present = new Set(rows.filter((row) => !row.lost || row.active).map((row) => row.slot_name));
  const missing = ids.map(slotName).filter((name) => !present.has(name));
  for (const name of missing) await session.query(SLOT_CREATE, [name]);
  return missing;
}

/** Drops our slots of everybody else. Slots in use cannot be dropped and are returned. */
export async function dropSlotsExcept(session: SqlRunner, keep: readonly NodeId[]): Promise<readonly string[]> {
  const kept = new Set(keep.map(slotName));
  const rows = await session.query<SlotRow>(SLOTS_OURS, [`${SLOT_PREFIX}%`]);
  const others = rows.filter((row) => !kept.has(row.slot_name));
  for (const row of others) if (!row.active) await session.query(SLOT_DROP, [row.slot_name]);
  return others.filter((row) => row.active).map((row) => row.slot_name);
}
