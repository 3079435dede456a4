import type { NodeId } from "../core/ruleset/ruleset.js";
import type { SqlRunner } from "./sql/runner.js";
import { SLOT_CREATE } from "./sql/slot_create.js";
import { SLOT_DROP } from "./sql/slot_drop.js";
import { SLOTS_ADVANCE } from "./sql/slots_advance.js";
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

/** Who has a slot here, lost or not. */
export async function servedIds(session: SqlRunner): Promise<readonly NodeId[]> {
  const rows = await session.query<SlotRow>(SLOTS_OURS, [`${SLOT_PREFIX}%`]);
  return rows.map((row) => row.slot_name.slice(SLOT_PREFIX.length).replaceAll("_", "-"));
}

/** On a standby: see `SLOTS_ADVANCE`. */
export async function advanceSlots(session: SqlRunner): Promise<void> {
  await session.query(SLOTS_ADVANCE, [`${SLOT_PREFIX}%`]);
}

/** Now and then, while nobody waits: a leader's follower whose slot was lost gets another; a follower's own hold nothing back. */
export async function maintainSlots(
  session: SqlRunner,
  as: "leader" | "follower",
  ids: readonly NodeId[],
): Promise<void> {
  if (as === "leader") await ensureSlots(session, ids);
  else await advanceSlots(session);
}
