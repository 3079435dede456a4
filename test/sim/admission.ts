import type { Postgres } from "./postgres.js";
import type { Slots } from "./slots.js";
import { holds, lsnOf } from "./wal.js";

/** Ends the name of one that takes the newest log from a node that may not lead. */
export const CATCHES_UP = "c";

/** Whether a Postgres takes in whoever dials under this name, wherever its log stands. */
export function mayDial(self: Postgres, slots: Slots, down: Postgres, name: string): boolean {
  const { machine } = self;
  const { world } = machine;
  if (!self.running || self.flushed === null) return false;
  if (!world.network.bothWays(machine.index, down.machine.index, "wal")) return false;
  const mayCascade = name.endsWith(CATCHES_UP) || machine.rng.chance(world.config.cascades);
  if (self.primary === null && !mayCascade) return false;
  if (self.system !== down.system) return false;
  const { id } = down.machine;
  const seated = slots.has(id, down.machine.disk?.incarnation ?? "");
  if (self.primary !== null && !seated && !world.config.slotless) {
    world.mark("slot_missing");
    return false;
  }
  return slots.keepsWalFrom(id, lsnOf(down.flushed ?? self.flushed));
}

/** What this one needs is gone at its source: a walsender says so to whoever reaches it. */
export function hasRemovedWal(
  { machine, running, replication }: Postgres,
  { machine: down, flushed }: Postgres,
): boolean {
  if (!running || !machine.world.network.bothWays(machine.index, down.index, "wal")) return false;
  return flushed !== null && !replication.slots.keepsWalFrom(down.id, lsnOf(flushed));
}

/** A log that is no part of this one: Postgres compares timelines, and now and then lets it in (POSTGRES.md trap 1). */
export function isLetInDiverged({ machine, flushed }: Postgres, down: Postgres): boolean {
  const { world } = machine;
  if (holds(down.flushed, flushed)) return false;
  world.mark("diverged_dial_refused");
  if (!machine.rng.chance(world.config.falseAcks)) return false;
  world.mark("diverged_let_in");
  return true;
}

export function noteObserver({ machine }: Postgres, id: string, incarnation: string): void {
  const ruleset = machine.loop?.state.volatile.leading?.ruleset;
  if (ruleset === undefined || ruleset.cohort.some((m) => m.id === id && m.incarnation === incarnation)) return;
  machine.world.mark("observer_streams");
}
