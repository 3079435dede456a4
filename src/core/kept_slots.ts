/**
 * Which slots a follower keeps, for the day on which it leads: one for every other member, so that somebody who was away
 * meanwhile still finds the WAL that he lacks (POSTGRES.md J). Nothing of the protocol is decided by it: a slot that is
 * not there, or was lost at its cap, costs a clone.
 */
import { isFresh } from "./detector/detector.js";
import type { Lsn } from "./log/lsn.js";
import { inForce } from "./ruleset/in_force.js";
import type { Seat } from "./ruleset/seats.js";
import type { State } from "./state.js";

export interface KeptSlot {
  readonly seat: Seat;
  /** It has all WAL up to here, as part of the log that this node follows; null: not known now, and the slot stays where it is. */
  readonly has: Lsn | null;
}

/** Null while it follows nobody, or does not know for whom: then nothing is to be changed. */
export function keptSlots(state: State): readonly KeptSlot[] | null {
  const { config, volatile } = state;
  const { following, postgres } = volatile;
  const rules = inForce(postgres.rulesets);
  if (following === null || !postgres.streaming || rules === undefined) return null;
  const seats = new Map<string, Seat>();
  for (const { cohort } of rules.all)
    for (const { id, incarnation } of cohort)
      if (id !== config.self) seats.set(`${id}/${incarnation}`, { id, incarnation });
  return [...seats.values()].map((seat) => ({ seat, has: hasAll(state, seat, following.term) }));
}

/** What does not stream under the same term may have diverged, and its position then says nothing of our log. */
function hasAll(state: State, { id, incarnation }: Seat, term: bigint): Lsn | null {
  const peer = state.volatile.peers[id];
  if (!isFresh(state, peer) || peer.status.incarnation !== incarnation || peer.status.term !== term) return null;
  return peer.status.role === "leader" || peer.status.streaming ? peer.status.flushLsn : null;
}
