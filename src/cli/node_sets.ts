/** Sets of nodes as people say them: `n1 or n2`, `any 2 of n1, n2, n3`, `n1 and n2, or n3`. */
export function describeSets(sets: readonly (readonly string[])[]): string {
  const size = sets[0]?.length ?? 0;
  const all = [...new Set(sets.flat())].sort();
  if (sets.length === 0 || size === 0) return "nobody";
  if (sets.length > 1 && sets.every((set) => set.length === size) && sets.length === choose(all.length, size))
    return size === 1 ? all.join(" or ") : `any ${size} of ${all.join(", ")}`;
  return sets.map((set) => set.join(" and ")).join(", or ");
}

function choose(n: number, k: number): number {
  let ways = 1;
  for (let i = 1; i <= k; i++) ways = (ways * (n - k + i)) / i;
  return ways;
}
