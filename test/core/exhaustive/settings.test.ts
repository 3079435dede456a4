import { describe, expect, it } from "vitest";
import type { Compiled } from "../../../src/core/quorum/sync_standby_names.js";
import { compileExactly, compileNative } from "../../../src/core/quorum/sync_standby_names.js";
import type { Ruleset } from "../../../src/core/ruleset/ruleset.js";
import { bitsOf, everyCohort, everyPerLeader, everyPolicy, everyRulesetOver, memberNamed } from "./every_cohort.js";
import { count, Oracle, released, subsets } from "./oracle.js";

/** What every native setting over these followers would release a commit on: bit i for the i-th set of followers. */
interface Setting {
  readonly need: number;
  readonly followers: number;
  readonly accepts: readonly boolean[];
}

const SETTINGS = new Map<number, Setting[]>();

function settingsOver(all: number): Setting[] {
  const known = SETTINGS.get(all);
  if (known !== undefined) return known;
  const settings = subsets(all).flatMap((followers) =>
    Array.from({ length: count(followers) }, (_, i) => ({
      need: i + 1,
      followers,
      accepts: subsets(all).map((acknowledged) => released(i + 1, followers, acknowledged)),
    })),
  );
  SETTINGS.set(all, settings);
  return settings;
}

function check(rulesets: readonly Ruleset[], leader: number): "exact" | "stricter" | "none" {
  const oracles = rulesets.map((r) => new Oracle(r));
  const all = oracles.reduce((bits, o) => bits | o.members, 0) & ~(1 << leader);
  const truth = subsets(all).map((set) => oracles.every((o) => o.holds(leader, set | (1 << leader))));
  const settings = settingsOver(all);
  const implying = settings.filter((s) => s.accepts.every((released, i) => !released || truth[i]));
  const exactOnes = implying.filter((s) => truth.every((holds, i) => !holds || s.accepts[i]));
  const widest = Math.max(0, ...implying.map((s) => s.accepts.filter(Boolean).length));
  const fail = (what: string, compiled: Compiled): never => {
    throw new Error(`${what}: ${JSON.stringify({ rulesets, leader, compiled })}`);
  };
  const chosen = (compiled: Compiled & { ok: true }) =>
    settings.find((s) => s.need === compiled.rule.need && s.followers === bitsOf(compiled.rule.followers));

  const exact = compileExactly(rulesets, `n${leader}`);
  const native = compileNative(rulesets, `n${leader}`);
  // Equal in both directions: whoever is let through satisfies the policy, and whoever satisfies it is let through.
  if (exact.ok !== exactOnes.length > 0) fail("exactly compiled, or exactly impossible", exact);
  const setting = exact.ok ? chosen(exact) : undefined;
  if (exact.ok && (setting === undefined || !exactOnes.includes(setting) || !exact.rule.exact)) fail("exact", exact);
  if (native.ok !== implying.length > 0) fail("a setting that implies the policy is found if there is one", native);
  if (!native.ok) return "none";
  const weakest = chosen(native);
  if (weakest === undefined || !implying.includes(weakest)) fail("the setting implies the policy", native);
  if (weakest?.accepts.filter(Boolean).length !== widest) fail("no weaker setting implies it", native);
  if (native.rule.exact !== exact.ok) fail("calls itself exact only if it is", native);
  return native.rule.exact ? "exact" : "stricter";
}

function tally(): Record<"exact" | "stricter" | "none", number> {
  return { exact: 0, stricter: 0, none: 0 };
}

describe("synchronous_standby_names against the policy, by trying every set of acknowledgements", () => {
  it("every cohort of at most six nodes, every policy, every leader in the cohort and outside of it", () => {
    const seen = tally();
    for (const cohort of everyCohort(6))
      for (const policy of everyPolicy(cohort.length))
        for (let leader = 0; leader <= cohort.length; leader++) seen[check([{ policy, cohort }], leader)]++;
    process.stdout.write(`exhaustive: settings for one ruleset: ${JSON.stringify(seen)}\n`);
    expect(seen.exact).toBeGreaterThan(1000);
    expect(seen.none).toBeGreaterThan(0);
  });

  it("quorums per leader: compiled exactly where `ANY k` can say it, and never about", () => {
    const seen = tally();
    for (const size of [2, 3, 4, 5, 6])
      for (const policy of everyPerLeader(size)) {
        const cohort = Array.from({ length: size }, (_, n) => memberNamed(`n${n}`, "a", true));
        for (let leader = 0; leader <= size; leader++) seen[check([{ policy, cohort }], leader)]++;
      }
    process.stdout.write(`exhaustive: settings for quorums per leader: ${JSON.stringify(seen)}\n`);
    expect(Math.min(seen.exact, seen.stricter, seen.none)).toBeGreaterThan(0);
  });

  it("every two rulesets over three nodes in any eligibility, and over four nodes that may all lead", () => {
    const seen = tally();
    for (const [universe, eligibilities] of [
      [3, "mixed"],
      [4, "all"],
    ] as const) {
      const rulesets = everyRulesetOver(universe, eligibilities);
      for (const old of rulesets)
        for (const next of rulesets)
          for (let leader = 0; leader < universe; leader++) seen[check([old, next], leader)]++;
    }
    process.stdout.write(`exhaustive: settings for two rulesets at once: ${JSON.stringify(seen)}\n`);
    expect(Math.min(seen.exact, seen.stricter, seen.none)).toBeGreaterThan(0);
  });

  it("a ruleset without members is enforced by no setting", () => {
    expect(check([{ policy: { kind: "at_least", copies: 1 }, cohort: [] }], 0)).toBe("none");
  });
});
