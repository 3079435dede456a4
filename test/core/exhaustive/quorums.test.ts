import { describe, expect, it } from "vitest";
import type { Lsn } from "../../../src/core/log/lsn.js";
import { minimalQuorums } from "../../../src/core/quorum/minimal_quorums.js";
import { satisfied } from "../../../src/core/quorum/policy.js";
import { quorumLsn } from "../../../src/core/quorum/quorum_lsn.js";
import { carries, missingFor, revokes, suffices } from "../../../src/core/quorum/sufficiency.js";
import type { Ruleset } from "../../../src/core/ruleset/ruleset.js";
import { bitsOf, everyCohort, everyPerLeader, everyPolicy, idsOf, memberNamed } from "./every_cohort.js";
import { has, Oracle, subsets } from "./oracle.js";

const NODES_MAX = 6;
const counting: Ruleset[] = everyCohort(NODES_MAX).flatMap((cohort) =>
  everyPolicy(cohort.length).map((policy) => ({ policy, cohort })),
);
/** Zones say nothing here, and neither does the order of names: all may lead, or all but the last one. */
const perLeader: Ruleset[] = Array.from({ length: NODES_MAX }, (_, i) => i + 1).flatMap((size) =>
  everyPerLeader(size).flatMap((policy) =>
    [size, size - 1].map((eligible) => ({
      policy,
      cohort: Array.from({ length: size }, (_, n) => memberNamed(`n${n}`, "a", n < eligible)),
    })),
  ),
);
const rulesets = [...counting, ...perLeader];

/** All members and a stranger: the leader of a log may be none of the cohort. */
const peopleOf = (ruleset: Ruleset) => 2 ** (ruleset.cohort.length + 1) - 1;
const SETS = Array.from({ length: 2 ** (NODES_MAX + 1) }, (_, bits) => new Set(idsOf(bits)));
const setOf = (bits: number) => SETS[bits] ?? new Set<string>();

/** Tries all, counts what was compared, and names the first that differs. */
function all(what: string, check: (ruleset: Ruleset, oracle: Oracle) => number): void {
  it(what, () => {
    let compared = 0;
    for (const ruleset of rulesets) compared += check(ruleset, new Oracle(ruleset));
    expect(compared).toBeGreaterThan(rulesets.length);
    process.stdout.write(`exhaustive: ${rulesets.length} rulesets, ${compared} comparisons: ${what}\n`);
  }, 300_000);
}

function differs(ruleset: Ruleset, ...rest: unknown[]): never {
  throw new Error(
    `differs from the oracle: ${JSON.stringify(ruleset)} ${rest.map((r) => JSON.stringify(r)).join(" ")}`,
  );
}

describe("every cohort of at most six nodes in at most three zones, every policy", () => {
  all(
    "a set satisfies a leader's policy exactly if it contains a quorum; and a larger set never says no",
    (ruleset, oracle) => {
      let compared = 0;
      for (let leader = 0; leader <= ruleset.cohort.length; leader++) {
        const holds = subsets(peopleOf(ruleset)).map((set) => oracle.holds(leader, set));
        for (const set of subsets(peopleOf(ruleset))) {
          if (satisfied(ruleset, `n${leader}`, setOf(set)) !== holds[set]) differs(ruleset, leader, idsOf(set));
          for (let more = 0; more <= ruleset.cohort.length; more++)
            if (holds[set] && !holds[set | (1 << more)]) differs(ruleset, leader, idsOf(set), "and", more);
          compared++;
        }
      }
      return compared;
    },
  );

  all("revocation and candidacy, for every candidate, in the cohort and outside of it", (ruleset, oracle) => {
    let compared = 0;
    for (const recruited of subsets(peopleOf(ruleset))) {
      const revoked = oracle.revokes(recruited);
      if (revokes(ruleset, setOf(recruited)) !== revoked) differs(ruleset, "revokes", idsOf(recruited));
      for (let candidate = 0; candidate <= ruleset.cohort.length; candidate++) {
        const carried = oracle.carries(recruited, candidate);
        const answer = [
          carries(ruleset, setOf(recruited), `n${candidate}`),
          suffices([ruleset], setOf(recruited), `n${candidate}`),
        ];
        if (answer[0] !== carried || answer[1] !== (carried && revoked)) differs(ruleset, idsOf(recruited), candidate);
        compared++;
      }
    }
    return compared;
  });

  all("two sufficient recruitments share a node, and a recruitment that revokes meets every quorum", (ruleset) => {
    const members = subsets(2 ** ruleset.cohort.length - 1);
    const candidates = ruleset.cohort.filter((m) => m.eligible).map((m) => m.id);
    const sufficient = members.filter((set) => candidates.some((c) => suffices([ruleset], setOf(set), c)));
    const revoking = members.filter((set) => revokes(ruleset, setOf(set)));
    // A stranger's quorums too: the leader may have been removed since, or be a predecessor's.
    const leaders = [...ruleset.cohort.map((m) => m.id), `n${ruleset.cohort.length}`];
    const quorums = members.filter((set) => leaders.some((l) => satisfied(ruleset, l, setOf(set))));
    for (const one of sufficient)
      for (const other of sufficient) if ((one & other) === 0) differs(ruleset, idsOf(one), idsOf(other));
    for (const set of revoking)
      for (const quorum of quorums) if ((set & quorum) === 0) differs(ruleset, idsOf(set), "misses", idsOf(quorum));
    return sufficient.length ** 2 + revoking.length * quorums.length;
  });

  all("minimal quorums are the sets of followers that suffice and no part of which does", (ruleset, oracle) => {
    let compared = 0;
    for (let leader = 0; leader <= ruleset.cohort.length; leader++) {
      const followers = oracle.members & ~(1 << leader);
      const enough = (set: number) => oracle.holds(leader, set | (1 << leader));
      const minimal = subsets(followers).filter(
        (set) => enough(set) && !subsets(set).some((part) => part !== set && enough(part)),
      );
      const found = minimalQuorums([ruleset], `n${leader}`).map(bitsOf);
      if ([...found].sort().join() !== [...minimal].sort().join()) differs(ruleset, leader, found, minimal);
      compared += minimal.length;
    }
    return compared;
  });

  all("what is missing: every smallest addition that lets somebody be promoted, and no other", (ruleset, oracle) => {
    let compared = 0;
    for (const recruited of subsets(oracle.members)) {
      const additions = subsets(oracle.members & ~recruited).filter((extra) =>
        idsOf(oracle.members).some((_, c) => oracle.suffices(recruited | extra, c)),
      );
      const smallest = Math.min(...additions.map((extra) => idsOf(extra).length));
      const expected = additions.filter((extra) => idsOf(extra).length === smallest);
      const found = missingFor([ruleset], setOf(recruited)).map(bitsOf);
      if ([...found].sort().join() !== [...expected].sort().join()) differs(ruleset, idsOf(recruited), found, expected);
      compared += 1 + expected.length;
    }
    return compared;
  });

  all("the quorum LSN is the highest LSN that a set holding a copy has flushed", (ruleset, oracle) => {
    // Zones were tried above, and no policy of today looks at them: one zone is enough for all the flushed positions.
    if (ruleset.cohort.some((m) => m.labels.zone !== "a")) return 0;
    const size = ruleset.cohort.length;
    const levels = size < NODES_MAX ? 4 : 3;
    let compared = 0;
    for (let leader = 0; leader <= size; leader++) {
      const people = leader === size ? size + 1 : size;
      for (let code = 0; code < levels ** people; code++) {
        const flushed = new Map<string, Lsn>();
        for (let i = 0; i < people; i++) {
          const level = Math.floor(code / levels ** i) % levels;
          if (level > 0) flushed.set(`n${i}`, BigInt(level));
        }
        let highest = 0n;
        for (const lsn of flushed.values()) {
          const having = bitsOf([...flushed].filter(([, at]) => at >= lsn).map(([id]) => id));
          if (lsn > highest && oracle.holds(leader, having)) highest = lsn;
        }
        if (quorumLsn([ruleset], `n${leader}`, flushed) !== highest)
          differs(ruleset, leader, [...flushed.keys()], code);
        compared++;
      }
    }
    return compared;
  });
});

it("the list is what it claims to be: all sizes, one to three zones, leaders that may and may not lead", () => {
  const cohorts = everyCohort(NODES_MAX);
  const shapes = new Set(cohorts.map((c) => `${c.length}/${new Set(c.map((m) => m.labels.zone)).size}`));
  expect(shapes).toEqual(
    new Set([1, 2, 3, 4, 5, 6].flatMap((n) => [1, 2, 3].filter((z) => z <= n).map((z) => `${n}/${z}`))),
  );
  expect(cohorts.some((c) => c.every((m) => !m.eligible))).toBe(true);
  expect(has(bitsOf(["n2"]), 2)).toBe(true);
});
