import type { CountingPolicy, Member, NodeId, PerLeaderPolicy, Ruleset } from "../../../src/core/ruleset/ruleset.js";

/**
 * Every cohort up to a size in up to three zones, up to renaming. What may be left out and why: the maths compares names
 * only for equality, so a renaming of nodes or of zones changes no answer about sets; where an order of names could matter
 * (ties, the choice among equally weak settings), each cohort also comes with its names in the opposite order.
 */
export function everyCohort(sizeMax: number): Member[][] {
  const cohorts: Member[][] = [];
  for (let size = 1; size <= sizeMax; size++) {
    for (const zones of layouts(size, 3)) {
      const kinds = zones.flatMap(({ eligible, rest }, z) => [
        ...Array.from({ length: eligible }, () => ({ zone: "abc"[z] ?? "a", eligible: true })),
        ...Array.from({ length: rest }, () => ({ zone: "abc"[z] ?? "a", eligible: false })),
      ]);
      cohorts.push(named(kinds));
      const reversed = [...kinds].reverse();
      if (reversed.some((kind, i) => kind.zone !== kinds[i]?.zone || kind.eligible !== kinds[i]?.eligible))
        cohorts.push(named(reversed));
    }
  }
  return cohorts;
}

/** All counting policies for a cohort of this size. */
export function everyPolicy(size: number): CountingPolicy[] {
  const policies: CountingPolicy[] = [{ kind: "majority" }];
  for (let copies = 1; copies <= size; copies++) policies.push({ kind: "at_least", copies });
  return policies;
}

/**
 * Policies with quorums per leader over n0 … n(size - 1): for each leader every family of minimal quorums up to three nodes,
 * nobody's and the leader's own copy alone among them; above that, too many to try, those of a few shapes mixed in every way.
 */
export function everyPerLeader(size: number): PerLeaderPolicy[] {
  const ids = idsOf(2 ** size - 1);
  const choices = ids.map((leader) => {
    const followers = ids.filter((id) => id !== leader);
    return size <= 3 ? families(followers) : shapes(followers, ids.indexOf(leader));
  });
  return product(choices).map((quorums) => ({
    kind: "per_leader",
    quorums: Object.fromEntries(ids.map((id, i) => [id, quorums[i] ?? []])),
  }));
}

type Family = readonly (readonly NodeId[])[];

/** Every list of sets of which none is part of another. */
function families(followers: readonly NodeId[]): Family[] {
  const sets = Array.from({ length: 2 ** followers.length }, (_, bits) => followers.filter((_, i) => bits & (1 << i)));
  return Array.from({ length: 2 ** sets.length }, (_, bits) => sets.filter((_, i) => bits & (1 << i))).filter(
    (family) => family.every((a) => family.every((b) => a === b || !a.every((id) => b.includes(id)))),
  );
}

/** The next one; the next two together; either of the next two, or one beyond them; nobody: N1, N4 and the rest of the series. */
function shapes(followers: readonly NodeId[], after: number): Family[] {
  const next = [...followers.slice(after), ...followers.slice(0, after)];
  const [a = "", b = "", c = ""] = next;
  const all: Family[] = [[[a, b]], [[a], [b, c]]];
  return followers.length > 3 ? all : [...all, [[a], [b]], []];
}

function product(choices: readonly (readonly Family[])[]): Family[][] {
  return choices.reduce<Family[][]>((all, some) => all.flatMap((head) => some.map((last) => [...head, last])), [[]]);
}

/** All rulesets over parts of n0 … n(universe - 1): what a change of rules may lead from and to. */
export function everyRulesetOver(universe: number, eligibilities: "all" | "mixed"): Ruleset[] {
  const rulesets: Ruleset[] = [];
  for (let part = 1; part < 2 ** universe; part++) {
    const ids = idsOf(part);
    const mixes = eligibilities === "all" ? [2 ** universe - 1] : [...Array(2 ** ids.length).keys()];
    for (const mix of mixes) {
      const cohort = ids.map((id, i) => memberNamed(id, "a", (mix & (1 << i)) !== 0));
      for (const policy of everyPolicy(ids.length)) rulesets.push({ policy, cohort });
    }
  }
  return rulesets;
}

/** The nodes of a set written as bits: n0 is 1, n1 is 2, n2 is 4. */
export function idsOf(bits: number): string[] {
  const ids: string[] = [];
  for (let i = 0; 2 ** i <= bits; i++) if ((bits & (1 << i)) !== 0) ids.push(`n${i}`);
  return ids;
}

export function bitsOf(ids: Iterable<string>): number {
  let bits = 0;
  for (const id of ids) bits |= 1 << Number(id.slice(1));
  return bits;
}

export function memberNamed(id: string, zone: string, eligible: boolean): Member {
  return { id, incarnation: `${id}-a`, labels: { zone }, eligible };
}

function named(kinds: readonly { zone: string; eligible: boolean }[]): Member[] {
  return kinds.map(({ zone, eligible }, i) => memberNamed(`n${i}`, zone, eligible));
}

interface Zone {
  readonly eligible: number;
  readonly rest: number;
}

/** The ways to put `size` nodes into at most `zonesMax` zones, largest zone first so that each way comes once. */
function layouts(size: number, zonesMax: number, atMost: Zone = { eligible: size, rest: size }): Zone[][] {
  if (size === 0) return [[]];
  if (zonesMax === 0) return [];
  const ways: Zone[][] = [];
  for (let total = size; total >= 1; total--) {
    for (let eligible = total; eligible >= 0; eligible--) {
      const zone = { eligible, rest: total - eligible };
      if (rank(zone) > rank(atMost)) continue;
      for (const others of layouts(size - total, zonesMax - 1, zone)) ways.push([zone, ...others]);
    }
  }
  return ways;
}

const rank = ({ eligible, rest }: Zone) => (eligible + rest) * 100 + eligible;
