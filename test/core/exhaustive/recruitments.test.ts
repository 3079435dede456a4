import { expect, it } from "vitest";
import type { Answer } from "../../../src/core/coordinator/decide.js";
import { decide } from "../../../src/core/coordinator/decide.js";
import { satisfiedAll } from "../../../src/core/quorum/policy.js";
import { missingFor, suffices } from "../../../src/core/quorum/sufficiency.js";
import { compileNative } from "../../../src/core/quorum/sync_standby_names.js";
import type { Ruleset, RulesetRecord } from "../../../src/core/ruleset/ruleset.js";
import { sameRuleset } from "../../../src/core/ruleset/ruleset.js";
import { bitsOf, everyRulesetOver, idsOf } from "./every_cohort.js";
import { has, Oracle, subsets } from "./oracle.js";

it("under two rulesets: each obliges, winners share a node under either, and what is missing is the least", () => {
  const universe = 4;
  const everybody = subsets(2 ** universe - 1);
  const rulesets = everyRulesetOver(universe, "all");
  let compared = 0;
  for (const old of rulesets)
    for (const next of rulesets) {
      const oracles = [new Oracle(old), new Oracle(next)];
      const enough = (set: number, c: number) => oracles.every((o) => o.suffices(set, c));
      const winners = everybody.filter((set) => idsOf(set).some((id) => enough(set, Number(id.slice(1)))));
      for (const set of everybody) {
        const names = new Set(idsOf(set));
        for (let c = 0; c < universe; c++) {
          expect(suffices([old, next], names, `n${c}`)).toBe(enough(set, c));
          const both = oracles.every((o) => o.holds(c, set));
          if (satisfiedAll([old, next], `n${c}`, names) !== both)
            throw new Error(JSON.stringify({ old, next, c, set }));
          compared += 2;
        }
        for (const other of winners) {
          if (!winners.includes(set)) continue;
          // Whoever else wins satisfied the ruleset that both had to: a term has one winner.
          for (const o of oracles) expect(set & other & o.members).not.toBe(0);
          compared++;
        }
        const added = winners.filter((w) => (w & set) === set).map((w) => w & ~set);
        const least = Math.min(...added.map((a) => idsOf(a).length));
        const members = oracles.reduce((all, o) => all | o.members, 0);
        const expected = added.filter((a) => idsOf(a).length === least && (a & ~members) === 0);
        if (least < Number.POSITIVE_INFINITY && expected.length > 0)
          expect(missingFor([old, next], names).map(bitsOf).sort().join()).toBe(expected.sort().join());
      }
    }
  process.stdout.write(
    `exhaustive: ${rulesets.length ** 2} pairs of rulesets, ${compared} comparisons of recruitments\n`,
  );
});

/** A point of the log tree, with what DESIGN 5.3 says of it in plain words. */
interface Point {
  readonly position: Answer["position"];
  readonly records: readonly RulesetRecord[];
  readonly inForce: readonly Ruleset[];
  readonly newest: Ruleset;
}

/**
 * A is decided; B is proposed on one tail and decided further on; on another tail, of a newer leader who never saw B,
 * A is proposed again; a third, newer still, has voided B.
 */
function logTree(a: Ruleset, b: Ruleset): Point[] {
  const record = (term: number, subterm: number, state: RulesetRecord["state"], ruleset: Ruleset | null) => ({
    number: { term: BigInt(term), subterm },
    state,
    ruleset,
    writtenBy: "n0",
  });
  const trunk = [record(2, 0, "proposed", a), record(2, 0, "decided", null)];
  const proposed = [...trunk, record(2, 1, "proposed", b)];
  const at = (timeline: bigint, lsn: bigint) => ({ timeline, lsn });
  return [
    { position: at(2n, 20n), records: trunk, inForce: [a], newest: a },
    { position: at(2n, 30n), records: proposed, inForce: [a, b], newest: b },
    { position: at(2n, 40n), records: [...proposed, record(2, 1, "decided", null)], inForce: [b], newest: b },
    { position: at(3n, 30n), records: [...trunk, record(3, 0, "proposed", a)], inForce: [a], newest: a },
    { position: at(4n, 40n), records: [...proposed, record(2, 1, "void", null)], inForce: [a], newest: a },
  ];
}

function answer(node: number, point: Point, voter: boolean): Answer {
  const id = `n${node}`;
  const { position, records: rulesets } = point;
  return { id, incarnation: `${id}-a`, position, rulesets, voter, systemIdentifier: "s", initial: "" };
}

/** The points at which some subset of the answers lets one of its own be promoted; by whom, and after which recruitment. */
function possible(
  standing: readonly (Point | null)[],
): { point: Point; candidate: number; set: number; inForce: readonly Ruleset[]; holdsIt: boolean }[] {
  const answering = bitsOf(standing.flatMap((point, i) => (point === null ? [] : [`n${i}`])));
  return subsets(answering).flatMap((set) => {
    const there = standing.filter((point, i): point is Point => point !== null && has(set, i));
    const point = there.sort((x, y) =>
      Number(y.position.timeline - x.position.timeline || y.position.lsn - x.position.lsn),
    )[0];
    if (point === undefined) return [];
    return [point, ...voided(standing, set, point)].flatMap(({ inForce, newest }) => {
      const rules = [...inForce, newest];
      return (
        [0, 1, 2, 3]
          // Whoever lacks the newest log takes it from there first (DESIGN 5.4).
          .filter((c) => has(set, c))
          .filter((c) => newest.cohort.some((m) => m.id === `n${c}` && m.eligible))
          .filter((c) => rules.every((r) => new Oracle(r).suffices(set, c)) && compileNative(rules, `n${c}`).ok)
          .map((candidate) => ({ point, candidate, set, inForce, holdsIt: standing[candidate] === point }))
      );
    });
  });
}

/** Its writer is there, a member, and its own log has the undecided ruleset without a mark: it may be void (DESIGN 6.5). */
function voided(
  standing: readonly (Point | null)[],
  set: number,
  { inForce }: Point,
): Pick<Point, "inForce" | "newest">[] {
  const [decided, undecided] = inForce;
  if (decided === undefined || undecided === undefined || !has(set, 0) || standing[0]?.inForce.length !== 2) return [];
  if (!inForce.some(({ cohort }) => cohort.some((m) => m.id === "n0"))) return [];
  return [{ inForce: [decided], newest: decided }];
}

const COHORTS = everyRulesetOver(4, "all").filter(({ cohort, policy }) => {
  // Enough to differ in every way: grown, shrunk, disjoint, overlapping; any 2, all, majority.
  const names = cohort.map((m) => m.id).join("");
  return ["n0n1", "n0n1n2", "n1n2n3", "n2n3"].includes(names) && (policy.kind !== "at_least" || policy.copies === 2);
});

it("R may be any subset of the answers: a leader is found exactly if one of them allows it, at the newest such position", () => {
  let cases = 0;
  let elected = 0;
  const initial = { policy: { kind: "majority" as const }, nodes: [] };
  const byName = (x: string, y: string) => (x < y ? -1 : 1);
  for (const a of COHORTS)
    for (const b of COHORTS) {
      if (sameRuleset(a, b)) continue;
      const points = [null, ...logTree(a, b)];
      for (let code = 0; code < points.length ** 4; code++) {
        const standing = [0, 1, 2, 3].map((i) => points[Math.floor(code / points.length ** i) % points.length] ?? null);
        const answers = standing.flatMap((point, i) => (point === null ? [] : [answer(i, point, true)]));
        if (answers.length === 0) continue;
        // A node without a vote is as good as silent, wherever it stands.
        const mute = answers.map((a, i) => ({ ...a, voter: i > 0 }));
        const others = standing.map((point, i) => (`n${i}` === answers[0]?.id ? null : point));
        if (decide(mute, initial, byName).ok !== possible(others).length > 0) throw new Error(JSON.stringify(code));
        cases++;
        const allowed = possible(standing);
        const decision = decide(answers, initial, byName);
        const what = () => JSON.stringify({ a, b, standing, decision }, (_, v) => (typeof v === "bigint" ? `${v}` : v));
        if (decision.ok !== allowed.length > 0) throw new Error(what());
        if (!decision.ok) continue;
        elected++;
        const { candidate, position, recruited, obliged, catchUpFrom } = decision.proposal;
        const own = allowed.find(
          (x) => `n${x.candidate}` === candidate && x.set === bitsOf(recruited) && x.inForce.length <= obliged.length,
        );
        if (own?.point.position !== position || own.holdsIt !== (catchUpFrom === null)) throw new Error(what());
        const able = allowed.some((x) => x.holdsIt && x.set === own.set && x.inForce.length === own.inForce.length);
        if (able && catchUpFrom !== null) throw new Error(`nobody need catch up: ${what()}`);
        const newer = allowed.some(
          ({ point: p }) =>
            p.position.timeline > position.timeline ||
            (p.position.timeline === position.timeline && p.position.lsn > position.lsn),
        );
        if (newer) throw new Error(`a newer position would do: ${what()}`);
      }
    }
  process.stdout.write(`exhaustive: ${cases} recruitments over a tree of logs, ${elected} with a leader\n`);
  expect(elected).toBeGreaterThan(1000);
}, 60_000);
