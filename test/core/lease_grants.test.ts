import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CLOCK_LAG_MAX_MS, CLOCK_RATIO_MAX, holdMs } from "../../src/core/lease/bounds.js";
import { grantLease, leasesLeft } from "../../src/core/lease/granting.js";
import { beginLease, holdGrant, mustFenceAtMs, rulesOf, stillAwaited } from "../../src/core/lease/holding.js";
import { leaseOf } from "../../src/core/lease/lease.js";
import type { NodeStatus } from "../../src/core/messages.js";
import type { Ruleset } from "../../src/core/ruleset/ruleset.js";
import type { Leading } from "../../src/core/state.js";
import { freshDurable, initialState } from "../../src/core/state.js";
import { statusOf } from "../../src/core/status.js";
import { timingsFrom } from "../../src/core/timings.js";
import { Turn } from "../../src/core/turn.js";
import { asks, follows, leads, nodeAt } from "./lease_nodes.js";
import { everyRuleset } from "./rulesets.js";

const DETECT_MS = 3000;

interface Timing {
  /** By how much each clock runs fast. */
  readonly rates: readonly [number, number, number];
  /** The leader's clock falls behind by this much between the request and the end. */
  readonly lagMs: number;
  readonly travelMs: number;
  readonly recruitedAfterMs: number;
  readonly answerTravelMs: number;
}

/** In true time: how long after the new leader may be established the old one still serves. Positive is a stale read. */
function overlapMs({ rates, lagMs, travelMs, recruitedAfterMs, answerTravelMs }: Timing): number {
  const [l, f, c] = rates;
  const stampMs = 1_000_000 * l;
  const follower = nodeAt("n2", 50_000 + travelMs * f);
  follows(follower);
  grantLease(follower, "n1", asks(stampMs));
  const leader = nodeAt("n1", stampMs);
  leads(leader, stampMs);
  holdGrant(leader, "n2", statusOf(follower.state()));
  const fencedMs =
    (mustFenceAtMs(leader.state(), [{ ...(leader.volatile.leading?.ruleset as Ruleset) }]) - stampMs + lagMs) / l;
  // Promised when it is recruited: what it reports is what is left by its clock.
  follower.set({ nowMs: follower.nowMs + recruitedAfterMs * f, following: null });
  const successor = nodeAt("n3", 70_000);
  beginLease(successor, leasesLeft(follower.state()));
  const waits = Math.max(0, ...stillAwaited(successor).map((a) => a.untilMs - successor.nowMs));
  const establishedMs = travelMs + recruitedAfterMs + answerTravelMs + waits / c;
  return fencedMs + timingsFrom(DETECT_MS, { leases: true }).leaseFenceMs / l - establishedMs;
}

describe("no stale read, with clocks as far apart as the bound lets them be", () => {
  const rate = fc.double({ min: 1, max: CLOCK_RATIO_MAX, noNaN: true });
  const ms = (max: number) => fc.double({ min: 0, max, noNaN: true });

  it("whatever the clocks' rates and the messages' travel, the old leader is silent first", () => {
    fc.assert(
      fc.property(
        fc.record({
          rates: fc.tuple(rate, rate, rate),
          lagMs: ms(CLOCK_LAG_MAX_MS),
          travelMs: ms(10_000),
          recruitedAfterMs: ms(4000),
          answerTravelMs: ms(4000),
        }),
        (timing) => {
          expect(overlapMs(timing)).toBeLessThanOrEqual(0);
        },
      ),
      { numRuns: 2000 },
    );
  });

  it("and the allowance is not idle: without the lag's part, or at twice the ratio, somebody would read on", () => {
    const worst = {
      rates: [1, CLOCK_RATIO_MAX, CLOCK_RATIO_MAX] as const,
      travelMs: 0,
      recruitedAfterMs: 0,
      answerTravelMs: 0,
    };
    expect(overlapMs({ ...worst, lagMs: CLOCK_LAG_MAX_MS })).toBeLessThanOrEqual(0);
    expect(overlapMs({ ...worst, lagMs: CLOCK_LAG_MAX_MS })).toBeGreaterThan(-3);
    expect(overlapMs({ ...worst, lagMs: CLOCK_LAG_MAX_MS + 3 })).toBeGreaterThan(0);
    const twice = 1 + 2 * (CLOCK_RATIO_MAX - 1);
    const apart = [1, twice, twice] as const;
    expect(overlapMs({ ...worst, rates: apart, lagMs: CLOCK_LAG_MAX_MS })).toBeGreaterThan(0);
  });
});

describe("a grant", () => {
  it("echoes the stamp, is held from when it was first heard, and is told as long as it runs", () => {
    const turn = nodeAt("n2", 10_000);
    follows(turn);
    grantLease(turn, "n1", asks(700));
    expect(statusOf(turn.state()).leaseGrant).toEqual({ leader: "n1", term: 2n, stampMs: 700, leaseMs: 2676 });
    turn.set({ nowMs: 10_100 });
    grantLease(turn, "n1", asks(700));
    grantLease(turn, "n1", asks(600));
    expect(leasesLeft(turn.state())).toEqual([{ leader: "n1", term: 2n, ms: holdMs(2676) - 100 }]);
    turn.set({ nowMs: 10_000 + holdMs(2676) });
    expect(leasesLeft(turn.state())).toEqual([]);
  });

  it.each([
    ["who follows nobody", (turn: Turn) => turn.set({ following: null }), asks(1)],
    ["who promised a newer term", (turn: Turn) => turn.promise({ promise: { term: 3n, attempt: null } }), asks(1)],
    ["to a leader of another term", () => {}, asks(1, { term: 3n })],
    ["to one who does not say that it leads", () => {}, asks(1, { role: "none" })],
    ["to one who asks for none", () => {}, asks(1, { leaseAsk: null })],
  ])("is none of one %s", (_, change, status) => {
    const turn = nodeAt("n2", 10_000);
    follows(turn);
    change(turn);
    grantLease(turn, "n1", status);
    expect(leasesLeft(turn.state())).toEqual([]);
    expect(statusOf(turn.state()).leaseGrant).toBeNull();
  });

  it("is none to somebody else than the leader it follows, and none of a node without leases", () => {
    const turn = nodeAt("n2", 10_000);
    follows(turn);
    grantLease(turn, "n3", asks(1));
    expect(leasesLeft(turn.state())).toEqual([]);
    const without = new Turn({ ...turn.state(), config: { ...turn.config, timings: timingsFrom(DETECT_MS) } });
    grantLease(without, "n1", asks(1));
    expect(leasesLeft(without.state())).toEqual([]);
  });

  it("is no longer than the shorter of two configurations says", () => {
    const turn = nodeAt("n2", 10_000);
    follows(turn);
    grantLease(turn, "n1", asks(700, { leaseAsk: { stampMs: 700, leaseMs: 50 } }));
    expect(statusOf(turn.state()).leaseGrant?.leaseMs).toBe(50);
    grantLease(turn, "n1", asks(800, { leaseAsk: { stampMs: 800, leaseMs: 9_000_000 } }));
    expect(statusOf(turn.state()).leaseGrant?.leaseMs).toBe(2676);
  });

  it("is forgotten in a restart, and so reported in full, to whoever it was", () => {
    const turn = nodeAt("n2", 1_000_000);
    expect(leasesLeft({ ...turn.state(), volatile: { ...turn.volatile, nowMs: 100 } })).toEqual([
      { leader: null, term: 0n, ms: holdMs(2676) - 100 },
    ]);
    const never = initialState(turn.config, freshDurable("shop", "n2", "n2-a"), { present: false, oldKept: false }, 0);
    expect(leasesLeft(never)).toEqual([]);
  });
});

describe("what a leader counts", () => {
  it("is asked under the rulesets that a commit must satisfy and under the one it proposes", () => {
    const [old, proposed] = [everyRuleset(3, "all")[2], everyRuleset(3, "all")[1]];
    const leading = { obliged: [old], ruleset: proposed, change: null } as unknown as Leading;
    expect(rulesOf(leading)).toEqual([old, proposed]);
  });

  const granted = (change: Partial<NonNullable<NodeStatus["leaseGrant"]>>, incarnation = "n2-a") => ({
    ...statusOf(nodeAt("n2", 0).state()),
    incarnation,
    leaseGrant: { leader: "n1", term: 2n, stampMs: 500, leaseMs: 2676, ...change },
  });
  const fenceAt = (turn: Turn) => mustFenceAtMs(turn.state(), turn.volatile.leading?.obliged ?? []);

  it("runs from its own stamp, never from the answer's arrival, and never falls", () => {
    const turn = nodeAt("n1", 900);
    leads(turn, 800);
    holdGrant(turn, "n2", granted({ stampMs: 500 }));
    expect(fenceAt(turn)).toBe(500 + 2676 - 200);
    holdGrant(turn, "n2", granted({ stampMs: 300 }));
    expect(fenceAt(turn)).toBe(500 + 2676 - 200);
    holdGrant(turn, "n2", granted({ stampMs: 800, leaseMs: 9_000_000 }));
    expect(fenceAt(turn)).toBe(800 + 2676 - 200);
  });

  it.each([
    ["of another term", granted({ term: 1n })],
    ["to another leader", granted({ leader: "n3" })],
    ["of a stamp it never sent", granted({ stampMs: 801 })],
    ["of a wiped node under an old name", granted({}, "n2-b")],
  ])("is nothing %s", (_, status) => {
    const turn = nodeAt("n1", 900);
    leads(turn, 800);
    holdGrant(turn, "n2", status);
    expect(fenceAt(turn)).toBe(Number.NEGATIVE_INFINITY);
  });

  it("is nothing of a node that came back from the past: it may have forgotten a promise that was counted", () => {
    const turn = nodeAt("n1", 900);
    leads(turn, 800);
    holdGrant(turn, "n2", granted({}));
    const peer = { ...granted({}) };
    const past = { status: peer, heardMs: 900, connected: true, lost: null, electingSinceMs: 0, forgot: true };
    turn.set({ peers: { n2: { ...past, seen: null } } });
    expect(fenceAt(turn)).toBe(Number.NEGATIVE_INFINITY);
  });

  it("is shown to an operator, with whoever did not renew it; a follower shows none", () => {
    const turn = nodeAt("n1", 900);
    leads(turn, 800);
    expect(leaseOf(turn.state())).toEqual({ leftMs: 0, lacks: ["n2", "n3"] });
    holdGrant(turn, "n2", granted({ stampMs: 500 }));
    expect(leaseOf(turn.state())).toEqual({ leftMs: 500 + 2676 - 200 - 900, lacks: ["n3"] });
    turn.set({ nowMs: 4000 });
    expect(leaseOf(turn.state())).toEqual({ leftMs: 0, lacks: ["n2", "n3"] });
    expect(leaseOf(nodeAt("n2", 900).state())).toBeNull();
  });
});
