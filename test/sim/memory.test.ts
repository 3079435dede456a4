import { isDeepStrictEqual } from "node:util";
import { afterEach, expect, test, vi } from "vitest";
import { decide } from "../../src/core/coordinator/decide.js";
import { decideAgain } from "../../src/core/coordinator/decide_again.js";
import { answersFromStatuses, byRank } from "../../src/core/coordinator/standing.js";
import { audience } from "../../src/core/leader/followers.js";
import { mustFenceAtMs, rulesOf } from "../../src/core/lease/holding.js";
import { compileNative } from "../../src/core/quorum/sync_standby_names.js";
import { compact } from "../../src/core/ruleset/in_force.js";
import type { State } from "../../src/core/state.js";
import { sayOf, statusOf } from "../../src/core/status.js";
import { Turn } from "../../src/core/turn.js";
import { drawConfig } from "./config.js";
import { Machine } from "./machine.js";
import { runSeed } from "./run_seed.js";

/** What the core remembers of the last time it was asked, beside what it says if it is asked for the first time. */
function remembered(state: State): Record<string, readonly [unknown, unknown]> {
  const { leading, lease, suspicion, postgres } = state.volatile;
  const { self, initial } = state.config;
  const pairs: Record<string, readonly [unknown, unknown]> = {
    status: [sayOf(state).status, statusOf(state)],
    compact: [compact(postgres.rulesets), compact([...postgres.rulesets])],
  };
  if (suspicion !== null) {
    const answers = answersFromStatuses(state, suspicion);
    pairs.decision = [decideAgain(state.config, answers, byRank(state)), decide(answers, initial, byRank(state))];
  }
  if (leading === null) return pairs;
  // Other objects that say the same: nothing is remembered of those.
  const heldAnew = { ...state.volatile, lease: { ...lease, held: { ...lease.held } } };
  const obligedAnew = { ...leading, obliged: leading.obliged.map((ruleset) => ({ ...ruleset })) };
  pairs.fence = [
    mustFenceAtMs(state, rulesOf(leading)),
    mustFenceAtMs({ ...state, volatile: heldAnew }, rulesOf(leading)),
  ];
  pairs.audience = [audience(new Turn(state), leading), audience(new Turn(state), obligedAnew)];
  pairs.names = [
    compileNative(leading.obliged, self, leading.seats),
    compileNative(obligedAnew.obliged, self, { ...leading.seats }),
  ];
  return pairs;
}

afterEach(() => {
  vi.restoreAllMocks();
});

test("what the core remembers is what it would find anew, after every event", () => {
  const checked = new Map<string, number>();
  const { looked } = Machine.prototype;
  vi.spyOn(Machine.prototype, "looked").mockImplementation(function (this: Machine) {
    looked.call(this);
    if (this.loop === null) return;
    for (const [name, [before, anew]] of Object.entries(remembered(this.loop.state))) {
      checked.set(name, (checked.get(name) ?? 0) + 1);
      if (!isDeepStrictEqual(before, anew)) expect(before, `${name} of ${this.id}`).toEqual(anew);
    }
  });
  // Half of them with leases: without, nothing is held.
  const seeds = Array.from({ length: 40 }, (_, i) => i + 1);
  const some = [true, false].flatMap((leases) => seeds.filter((s) => drawConfig(s).leases === leases).slice(0, 4));
  for (const seed of some) expect(runSeed(seed).violation).toBeNull();
  for (const name of ["status", "compact", "decision", "fence", "audience", "names"])
    expect(checked.get(name), name).toBeGreaterThan(100);
}, 120_000);
