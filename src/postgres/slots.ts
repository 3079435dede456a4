import type { KeptSlot } from "../core/kept_slots.js";
import { formatLsn } from "../core/log/lsn.js";
import type { Seat } from "../core/ruleset/seats.js";
import { deadlineAfter, poll } from "./polling.js";
import type { SqlRunner } from "./sql/runner.js";
import { SLOT_CREATE } from "./sql/slot_create.js";
import { SLOT_DROP } from "./sql/slot_drop.js";
import { SLOTS_ADVANCE } from "./sql/slots_advance.js";
import { SLOTS_OURS, type SlotRow } from "./sql/slots_ours.js";
import { TERMINATE_BACKENDS } from "./sql/terminate_backends.js";
import { WALSENDERS_UNSERVED, type WalsenderUnservedRow } from "./sql/walsenders_unserved.js";

const SLOT_PREFIX = "quorate_";
/** With the prefix and the longest id 63 characters, all that a name may have; far more than chance repeats. */
const INCARNATION_CHARS = 14;
const POLL_MS = 5;

/**
 * The physical slot of a follower: `quorate_n2_8f3a09c2b71d4e`, `-` as `_` (an incarnation has no `_`, so no two share a
 * name). With the incarnation in it: a node that was wiped streams under the old name, and what is left of the old one,
 * should it come back and dial as it did, finds no slot (hole H8).
 */
export function slotName({ id, incarnation }: Seat): string {
  const short = incarnation
    .toLowerCase()
    .replace(/[^a-z0-9]/g, "0")
    .slice(0, INCARNATION_CHARS);
  return `${SLOT_PREFIX}${id.replaceAll("-", "_")}_${short}`;
}

/**
 * Creates the missing slots, WAL reserved at once; existing ones are kept as they are, but for those whose WAL is gone:
 * through such a slot nobody can stream any more. Returns the names created.
 */
export async function ensureSlots(session: SqlRunner, seats: readonly Seat[]): Promise<readonly string[]> {
  const rows = await ours(session);
  for (const row of rows) if (row.lost && row.active_pid === null) await session.query(SLOT_DROP, [row.slot_name]);
  const present = new Set(rows.filter((row) => !row.lost || row.active_pid !== null).map((row) => row.slot_name));
  const missing = seats.map(slotName).filter((name) => !present.has(name));
  for (const name of missing) await session.query(SLOT_CREATE, [name]);
  return missing;
}

/**
 * Slots for these and for nobody else: whoever streams otherwise, under a slot of ours or a name like those of our
 * followers, is ended and gets in no more. @throws when somebody cannot be ended in time.
 */
export async function serveOnly(session: SqlRunner, seats: readonly Seat[], deadlineMs: number): Promise<void> {
  const wanted = seats.map(slotName);
  const ended = await poll(deadlineAfter(deadlineMs), POLL_MS, async () => {
    const strangers = await session.query<WalsenderUnservedRow>(WALSENDERS_UNSERVED, [wanted]);
    if (strangers.length > 0) await session.query(TERMINATE_BACKENDS, [strangers.map(({ pid }) => pid)]);
    const others = (await ours(session)).filter(({ slot_name }) => !wanted.includes(slot_name));
    // Without its slot it cannot come back; one that is still held is tried again.
    for (const { slot_name, active_pid } of others)
      if (active_pid === null) await session.query(SLOT_DROP, [slot_name]);
    return strangers.length === 0 && others.every(({ active_pid }) => active_pid === null) ? true : undefined;
  });
  if (ended === undefined)
    throw new Error(`a follower that is to be served no more does not end within ${deadlineMs} ms; kill its walsender`);
  await ensureSlots(session, seats);
}

/**
 * On a standby, for the day on which it leads: makes the slots that are missing, moves the others, and lets go of those that
 * are nobody's any more, as those of its own time as leader. One that was lost at its cap is made again once its node is back.
 */
export async function keepSlots(session: SqlRunner, kept: readonly KeptSlot[]): Promise<void> {
  const wanted = new Map(kept.map(({ seat, has }) => [slotName(seat), has]));
  const left = new Set<string>();
  for (const { slot_name, active_pid, lost } of await ours(session)) {
    const has = wanted.get(slot_name);
    const drop = has === undefined || (lost && has !== null);
    if (drop && active_pid === null) await session.query(SLOT_DROP, [slot_name]);
    else left.add(slot_name);
  }
  for (const name of wanted.keys()) if (!left.has(name)) await session.query(SLOT_CREATE, [name]);
  const known = [...wanted].flatMap(([name, has]) => (has === null ? [] : [{ name, has: formatLsn(has) }]));
  await session.query(SLOTS_ADVANCE, [known.map(({ name }) => name), known.map(({ has }) => has)]);
}

/** Now and then, while nobody waits: a leader's follower whose slot was lost gets another; a follower keeps some for others. */
export async function maintainSlots(
  session: SqlRunner,
  as: "leader" | "follower",
  seats: readonly Seat[],
  kept: readonly KeptSlot[] | null,
): Promise<void> {
  if (as === "leader") await ensureSlots(session, seats);
  else if (kept !== null) await keepSlots(session, kept);
}

function ours(session: SqlRunner): Promise<SlotRow[]> {
  return session.query<SlotRow>(SLOTS_OURS, [`${SLOT_PREFIX}%`]);
}
