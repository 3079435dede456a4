import type { World } from "./world.js";

/** I1: what was acknowledged is in the log of the newest established leader, or a line that says it is not. */
export function durableLoss(world: World): string[] {
  const leaders = [...world.machines.values()].filter((m) => m.loop?.state.volatile.leading?.stage === "established");
  const newest = leaders.sort((a, b) => Number(termOf(b) - termOf(a)))[0];
  if (newest === undefined) return [];
  const held = new Set(newest.postgres.log.map((e) => e.write));
  return [...world.acknowledged.keys()]
    .filter((write) => !held.has(write))
    .map((write) => `LOST: ${write} was acknowledged and ${newest.id}, leader of term ${termOf(newest)}, lacks it`);
}

/** I3: one leader a term. */
export function rogueTerms(world: World): string[] {
  const terms = [...world.machines.values()].map(termOf).filter((t) => t > 0n);
  return terms.filter((t, i) => terms.indexOf(t) !== i).map((t) => `ROGUE: two leaders of term ${t}`);
}

function termOf(machine: ReturnType<World["machine"]>): bigint {
  return machine.loop?.state.volatile.leading?.term ?? 0n;
}
