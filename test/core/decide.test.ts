import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Answer } from "../../src/core/coordinator/decide.js";
import { decide } from "../../src/core/coordinator/decide.js";
import { comparePositions, isEmptyPosition, POSITION_EMPTY } from "../../src/core/log/position.js";
import { compileNative } from "../../src/core/quorum/sync_standby_names.js";
import { inForce } from "../../src/core/ruleset/in_force.js";
import type { InitialRuleset, Ruleset, RulesetRecord } from "../../src/core/ruleset/ruleset.js";
import { FOUNDS_NOTHING, foundersNamed, initialRulesetText } from "../../src/core/ruleset/ruleset.js";
import { anyRuleset, everySubset, holdsCopy, ids } from "./rulesets.js";

const INITIAL: InitialRuleset = {
  policy: { kind: "majority" },
  nodes: ["n0", "n1", "n2"].map((id) => ({ id, labels: {} })),
};
const failedFrom = (source: string, ...candidates: string[]) => candidates.map((candidate) => ({ candidate, source }));
const byName = (a: string, b: string) => (a < b ? -1 : 1);

/** A log for each point of a small tree of timelines; whoever stands at one point holds the same log. */
const logTree = fc
  .tuple(
    anyRuleset,
    fc.array(fc.tuple(anyRuleset, fc.boolean(), fc.boolean(), fc.nat(6)), { minLength: 1, maxLength: 3 }),
  )
  .map(([first, steps]) => {
    const record = (
      term: bigint,
      state: RulesetRecord["state"],
      ruleset: Ruleset | null,
      writer = 0,
    ): RulesetRecord => ({ number: { term, subterm: 0 }, state, ruleset, writtenBy: `n${writer}` });
    const trunk = [record(2n, "proposed", first)];
    const points = [{ position: { timeline: 2n, lsn: 10n }, rulesets: trunk }];
    steps.forEach(([ruleset, decided, onTop, writer], i) => {
      const base = onTop ? (points.at(-1)?.rulesets ?? trunk) : trunk;
      const term = BigInt(i + 3);
      const rulesets = [
        ...base,
        record(term, "proposed", ruleset, writer),
        ...(decided ? [record(term, "decided", null)] : []),
      ];
      points.push({ position: { timeline: term, lsn: 20n }, rulesets });
    });
    return points;
  });

const answersOver = logTree.chain((points) =>
  fc
    .uniqueArray(
      fc.record({
        n: fc.nat(6),
        // 0 stands for an empty node.
        at: fc.nat(points.length),
        wiped: fc.integer({ min: 0, max: 9 }).map((x) => x === 0),
        voter: fc.integer({ min: 0, max: 9 }).map((x) => x > 0),
      }),
      { selector: (a) => a.n, minLength: 1, maxLength: 7 },
    )
    .map((nodes): Answer[] =>
      nodes.map(({ n, at, wiped, voter }) => {
        const point = points[at - 1];
        return {
          id: `n${n}`,
          incarnation: wiped ? `n${n}-b` : `n${n}-a`,
          position: point?.position ?? POSITION_EMPTY,
          rulesets: point?.rulesets ?? [],
          voter,
          systemIdentifier: point === undefined ? null : "s",
          initial: initialRulesetText(INITIAL),
        };
      }),
    ),
);

/** DESIGN 5.3 and 5.4 read aloud, for one set of answers: who may be promoted at its newest position, holding it or after a catch-up. */
function candidatesOf(set: readonly Answer[], takeBack: boolean): string[] {
  const newest = [...set].sort((a, b) => comparePositions(b.position, a.position))[0];
  const found = newest === undefined || isEmptyPosition(newest.position) ? undefined : inForce(newest.rulesets);
  if (newest === undefined || found === undefined) return [];
  if (takeBack && !provenVoid(newest.rulesets, set)) return [];
  const rules = takeBack ? { newest: found.decided, obliged: [found.decided] } : found;
  return set
    .filter((a) => !isEmptyPosition(a.position))
    .filter((a) => rules.newest.cohort.some((m) => m.id === a.id && m.incarnation === a.incarnation && m.eligible))
    .filter((a) => compileNative(rules.obliged, a.id).ok)
    .map((a) => a.id)
    .filter((candidate) =>
      rules.obliged.every((ruleset) => {
        const known = set
          .filter((a) => ruleset.cohort.some((m) => m.id === a.id && m.incarnation === a.incarnation))
          .map((a) => a.id);
        const left = ids(ruleset).filter((id) => !known.includes(id));
        const rogue = ruleset.cohort.some((m) => m.eligible && left.includes(m.id) && holdsCopy(ruleset, m.id, left));
        const member = ids(ruleset).includes(candidate);
        return !rogue && (!member || known.includes(candidate)) && holdsCopy(ruleset, candidate, [...known, candidate]);
      }),
    );
}

/** DESIGN 6.5 read aloud over the raw records: each writer of something undecided is there, and its own log has no mark. */
function provenVoid(log: readonly RulesetRecord[], set: readonly Answer[]): boolean {
  const text = (r: Ruleset | null) => JSON.stringify(r);
  const marked = (records: readonly RulesetRecord[]) => {
    const last = records.findLastIndex((r) => r.state === "decided");
    const term = records[last]?.number.term;
    return Math.max(
      0,
      records.findIndex((r) => r.state === "proposed" && r.number.term === term),
    );
  };
  const at = marked(log);
  const decided = log[at]?.ruleset ?? null;
  const open = log.slice(at + 1).filter((r) => r.state === "proposed" && text(r.ruleset) !== text(decided));
  const named = [decided, ...open.map((r) => r.ruleset)].flatMap((r) => r?.cohort ?? []);
  return (
    open.length > 0 &&
    open.every((p) =>
      set.some(
        (a) =>
          a.id === p.writtenBy &&
          named.some((m) => m.id === a.id && m.incarnation === a.incarnation) &&
          a.rulesets
            .slice(marked(a.rulesets) + 1)
            .some((r) => r.state === "proposed" && r.number.term === p.number.term),
      ),
    )
  );
}

describe("decide", () => {
  it("finds a leader exactly if some subset of the answers allows one, and proposes what that subset allows", () => {
    let found = 0;
    let none = 0;
    let caughtUp = 0;
    let taken = 0;
    fc.assert(
      fc.property(answersOver, (answers) => {
        const voters = answers.filter((a) => a.voter);
        if (voters.every((a) => isEmptyPosition(a.position))) return;
        const sets = everySubset(voters).filter((set) => [false, true].some((v) => candidatesOf(set, v).length > 0));
        const decision = decide(answers, INITIAL, byName);
        expect(decision.ok).toBe(sets.length > 0);
        if (!decision.ok) {
          none++;
          expect(decision.blocked.reason).not.toBe("");
          expect(decision.blocked.nextStep).not.toBe("");
          return;
        }
        found++;
        const { candidate, position, catchUpFrom, recruited, obliged, ruleset, founding, voids } = decision.proposal;
        const set = voters.filter((a) => recruited.includes(a.id));
        const candidates = candidatesOf(set, voids !== null);
        expect(founding).toBe(false);
        expect(candidates).toContain(candidate);
        if (voids !== null) taken++;
        // Finished if it can be.
        if (voids !== null) expect(candidatesOf(set, false)).toEqual([]);
        const holders = set.filter((a) => comparePositions(a.position, position) === 0).map((a) => a.id);
        expect(set.every((a) => comparePositions(a.position, position) <= 0)).toBe(true);
        // Whoever holds the newest log is promoted at once; only where none of them may lead, somebody else takes it.
        const able = candidates.filter((id) => holders.includes(id));
        if (able.length > 0) expect([able.includes(candidate), catchUpFrom]).toEqual([true, null]);
        else expect(holders).toContain(catchUpFrom);
        if (catchUpFrom !== null) caughtUp++;
        const rules = inForce(set.find((a) => a.id === (catchUpFrom ?? candidate))?.rulesets ?? []);
        const wanted = voids === null ? [rules?.obliged, rules?.newest] : [[rules?.decided], rules?.decided];
        expect([obliged, ruleset]).toEqual(wanted);
        if (voids !== null) expect(voids).toEqual(rules?.newestNumber);
        // The newest position that any sufficient subset has: nothing is thrown away without need.
        for (const other of sets) {
          const top = other.map((a) => a.position).sort((a, b) => comparePositions(b, a))[0] ?? POSITION_EMPTY;
          expect(comparePositions(position, top)).toBeGreaterThanOrEqual(0);
        }
      }),
      { numRuns: 3000 },
    );
    expect(Math.min(found, none, caughtUp)).toBeGreaterThan(100);
    expect(taken).toBeGreaterThan(5);
  });

  it("counts a non-voter nowhere", () => {
    fc.assert(
      fc.property(answersOver, (answers) => {
        const voters = answers.filter((a) => a.voter);
        const [all, without] = [answers, voters].map((set) => decide(set, INITIAL, byName));
        expect(all).toEqual(without);
      }),
    );
  });

  it("does not depend on the order of the answers, and prefers whom it is told to among equals", () => {
    fc.assert(
      fc.property(answersOver, (answers) => {
        const forward = decide(answers, INITIAL, byName);
        const backward = decide([...answers].reverse(), INITIAL, byName);
        expect(backward.ok).toBe(forward.ok);
        if (forward.ok && backward.ok) expect(backward.proposal).toEqual(forward.proposal);
      }),
    );
  });
});

const empty = (id: string, change: Partial<Answer> = {}): Answer => ({
  id,
  incarnation: `${id}-a`,
  position: POSITION_EMPTY,
  rulesets: [],
  voter: true,
  systemIdentifier: null,
  initial: initialRulesetText(INITIAL),
  ...change,
});

describe("founding", () => {
  const all = ["n0", "n1", "n2"];

  it("takes all nodes, all empty, all of one mind, and names their incarnations", () => {
    const decision = decide(
      all.map((id) => empty(id)),
      INITIAL,
      byName,
    );
    expect(decision).toMatchObject({ ok: true, proposal: { founding: true, candidate: "n0", recruited: all } });
    if (decision.ok)
      expect(decision.proposal.ruleset.cohort.map((m) => m.incarnation)).toEqual(["n0-a", "n1-a", "n2-a"]);
  });

  it("is refused by every smaller set: what is missing is named (H9)", () => {
    for (const set of everySubset(all)) {
      if (set.length === all.length) continue;
      const decision = decide(
        set.map((id) => empty(id)),
        INITIAL,
        byName,
      );
      expect(decision).toMatchObject({ ok: false, blocked: { code: "founding_incomplete" } });
      if (!decision.ok) expect(decision.blocked.missing).toEqual(all.filter((id) => !set.includes(id)));
    }
  });

  it("is refused when one node has lost its data, holds data, or was configured otherwise", () => {
    const but = (change: Partial<Answer>) => [empty("n0"), empty("n1"), empty("n2", change)];
    const rulesets: RulesetRecord[] = [
      {
        number: { term: 2n, subterm: 0 },
        state: "proposed",
        ruleset: { policy: { kind: "majority" }, cohort: [] },
        writtenBy: "n2",
      },
    ];
    for (const [change, code] of [
      [{ voter: false }, "founding_incomplete"],
      [{ initial: FOUNDS_NOTHING }, "founded_already"],
      [{ initial: "majority; n2{}" }, "different_configuration"],
      [{ position: { timeline: 2n, lsn: 1n }, rulesets, systemIdentifier: "s" }, "needs_catch_up"],
    ] as const)
      expect(decide(but(change), INITIAL, byName)).toMatchObject({ ok: false, blocked: { code } });
  });
});

describe("the nodes named by what somebody would found", () => {
  it("are those of the configuration, whatever its labels say; nobody's where nothing is founded", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.stringMatching(/^[a-z][a-z0-9-]{0,9}$/), { minLength: 1, maxLength: 5 }),
        fc.string(),
        fc.boolean(),
        (names, label, witness) => {
          const nodes = names.map((id) => ({ id, labels: { zone: label }, witness }));
          const text = initialRulesetText({ policy: { kind: "at_least", copies: 2 }, nodes });
          expect(foundersNamed(text)).toEqual([...names].sort());
        },
      ),
    );
    expect(foundersNamed(FOUNDS_NOTHING)).toBeNull();
  });
});

describe("a wiped node", () => {
  const ruleset: Ruleset = {
    policy: { kind: "majority" },
    cohort: ["n0", "n1", "n2"].map((id) => ({ id, incarnation: `${id}-a`, labels: {}, eligible: true })),
  };
  const rulesets: RulesetRecord[] = [{ number: { term: 2n, subterm: 0 }, state: "proposed", ruleset, writtenBy: "n0" }];
  const held = (id: string, change: Partial<Answer> = {}) =>
    empty(id, { position: { timeline: 2n, lsn: 5n }, rulesets, systemIdentifier: "s", ...change });

  it("is counted nowhere under its old name, and named (H8)", () => {
    expect(decide([held("n0"), empty("n1", { incarnation: "n1-b" })], INITIAL, byName)).toMatchObject({
      ok: false,
      blocked: { code: "wiped_node", missing: ["n1"] },
    });
  });

  it("may not lead either, even if it holds the newest log again", () => {
    const newest = held("n1", { incarnation: "n1-b", position: { timeline: 2n, lsn: 9n } });
    const decision = decide([held("n0"), held("n2"), newest], INITIAL, byName);
    expect(decision).toMatchObject({
      ok: true,
      proposal: { candidate: "n0", position: { lsn: 9n }, catchUpFrom: "n1" },
    });
    // Where that failed, the newest log that somebody holds who may lead.
    expect(decide([held("n0"), held("n2"), newest], INITIAL, byName, failedFrom("n1", "n0", "n2"))).toMatchObject({
      ok: true,
      proposal: { candidate: "n0", position: { lsn: 5n }, catchUpFrom: null },
    });
  });

  it("an empty node is no candidate for a catch-up: what it needs is a clone", () => {
    const newest = held("n1", { incarnation: "n1-b", position: { timeline: 2n, lsn: 9n } });
    expect(decide([empty("n0"), held("n2"), newest], INITIAL, byName, failedFrom("n1", "n2"))).toMatchObject({
      ok: true,
      proposal: { candidate: "n2", position: { lsn: 5n } },
    });
  });

  it("data of two systems is never mixed", () => {
    expect(decide([held("n0"), held("n1", { systemIdentifier: "t" })], INITIAL, byName)).toMatchObject({
      ok: false,
      blocked: { code: "mixed_clusters" },
    });
  });
});
