import type { Machine } from "./machine.js";
import type { World } from "./world.js";

/** I1: what was acknowledged is in the log of the newest established leader, or a line that says it is not. */
export function durableLoss(world: World): string[] {
  const newest = establishedLeaders(world)[0];
  if (newest === undefined) return [];
  const held = new Set(newest.postgres.log.map((e) => e.write));
  return [...world.acknowledged.keys()]
    .filter((write) => !held.has(write))
    .map((write) => `LOST: ${write} was acknowledged and ${newest.id}, leader of term ${termOf(newest)}, lacks it`);
}

/** Where a client that finds its way ends up. */
export function newestLeader(world: World): Machine {
  const newest = establishedLeaders(world)[0];
  if (newest === undefined) throw new Error("nobody leads");
  return newest;
}

export function establishedLeaders(world: World): Machine[] {
  const leaders = [...world.machines.values()].filter((m) => m.loop?.state.volatile.leading?.stage === "established");
  return leaders.sort((a, b) => Number(termOf(b) - termOf(a)));
}

/** I3: one leader a term. */
export function rogueTerms(world: World): string[] {
  const terms = [...world.machines.values()].map(termOf).filter((t) => t > 0n);
  return terms.filter((t, i) => terms.indexOf(t) !== i).map((t) => `ROGUE: two leaders of term ${t}`);
}

/**
 * I8: where there are leases, nobody reads from a leader once a later one is established. A frozen process serves nobody,
 * and one whose sidecar is gone is the fuse's, which no script has.
 */
export function staleReaders(world: World): string[] {
  const newest = establishedLeaders(world)[0];
  if (newest?.leases !== true) return [];
  return [...world.machines.values()]
    .filter(({ postgres, loop, frozen }) => loop !== null && !frozen && postgres.running && postgres.door === "open")
    .filter(({ postgres }) => postgres.primary !== null && postgres.primary < termOf(newest))
    .map((m) => `STALE: ${m.id} serves reads of term ${m.postgres.primary}; ${newest.id} leads term ${termOf(newest)}`);
}

function termOf(machine: Machine): bigint {
  return machine.loop?.state.volatile.leading?.term ?? 0n;
}
