import { describe, expect, it } from "vitest";
import { leaseTimings } from "../../src/core/lease/bounds.js";
import { type FuseWord, fuseWord } from "../../src/core/lease/left_behind.js";
import { Script } from "../datadriven/script.js";
import { World } from "../datadriven/world.js";

/** Of the clock of a script. */
const START_MS = new World().clock.nowMs;
const DETECT_MS = 3000;

function led(more: readonly string[]): { readonly script: Script; readonly word: (node?: string) => FuseWord } {
  const world = new World();
  const script = new Script(world);
  script.run(["cluster n1 n2 n3 leases", "start n1 n2 n3", "advance 3000", ...more].join("\n"));
  const word = (node = "n1") => {
    const { loop } = world.machine(node);
    if (loop === null) throw new Error(`${node} is down`);
    return fuseWord(loop.state, world.clock.nowMs);
  };
  return { script, word };
}

describe("what the fuse is told", () => {
  it("of a leader: its lease, the term, and the rules that were decided last", () => {
    const { script, word } = led([]);
    const { allowanceMs, graceMs, left } = word();
    // Within the time that a fence is given: the others elect once the lease is over.
    expect(graceMs).toBeLessThanOrEqual(leaseTimings(DETECT_MS).leaseFenceMs / 2);
    expect(left).toEqual({
      term: 2n,
      untilMs: START_MS + 3000 + (allowanceMs ?? 0),
      settled: { term: 2n, subterm: 0 },
    });
    expect(allowanceMs).toBeGreaterThan(0);
    expect(allowanceMs).toBeLessThan(3000);
    script.run("change n1 c1 at_least 2 {n1 n2 n3}\nadvance 500");
    expect(word().left?.settled).toEqual({ term: 2n, subterm: 1 });
  });

  it("of a follower: to wait for a sidecar that is thawed", () => {
    const { word } = led([]);
    expect(word("n2")).toMatchObject({ graceMs: 500, left: null });
  });

  it("of one that went on with its term after a restart and lost it then: as of any other follower", () => {
    const { script, word } = led(["cut n2->n1", "cut n3->n1", "sidecar-dies n1", "start n1", "advance 10"]);
    expect(word().left?.term).toBe(2n);
    expect(word().allowanceMs).toBeLessThan(3000);
    script.run("advance 9000\nheal\nadvance 9000");
    expect(word("n1").left).toBe(null);
    expect(word("n1").allowanceMs).toBe(4 * DETECT_MS);
  });

  it("of one that left office: no more time, until it is known to be fenced", () => {
    const { script, word } = led([
      ...["hold pg n1 emergency_fence", "hold pg n1 revoke"],
      // Nobody could take what there is first.
      ...["hold wal n1->n2", "hold wal n1->n3", "settle", "names n1", "write n1 x"],
    ]);
    expect(word()).toEqual({ allowanceMs: null, graceMs: 0, left: null });
    script.run("release");
    expect(word().allowanceMs).toBeGreaterThan(0);
  });
});
