import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Action } from "./action.js";
import { runBatch } from "./batch.js";
import type { SimConfig } from "./config.js";
import { drawConfig } from "./config.js";
import type { Kept } from "./kept.js";
import { keptIn, keptRuns, SCRIPTS, scriptText } from "./kept.js";
import type { SeedOutcome } from "./run_seed.js";
import { runSeed } from "./run_seed.js";
import { parseScenario, scenarioLines } from "./scenario_text.js";
import { drawSchedule } from "./schedule.js";

/** Alone it takes a few seconds, on a busy machine most of a minute. */
const DEADLINE_MS = 120_000;

/** The same schedule under other draws of the world: a change of the world moves every latency of a kept run. */
function variants(kept: Kept, count: number): SeedOutcome[] {
  return Array.from({ length: count }, (_, i) => {
    const config = { ...kept.config, seed: kept.config.seed + i * 1_000_003 };
    return runSeed(kept.seed, { config, schedule: kept.schedule, tracing: true });
  });
}

describe("runs that once broke an invariant", () => {
  test("are scripts of test/datadriven, and read back as the runs they were", () => {
    const scripts = readdirSync(SCRIPTS).filter((name) => name.startsWith("sim_"));
    expect(scripts.length).toBeGreaterThanOrEqual(3);
    for (const name of scripts) {
      const kept = keptIn(join(SCRIPTS, name));
      const text = readFileSync(join(SCRIPTS, name), "utf8");
      expect(text.startsWith(scriptText(kept)), name).toBe(true);
    }
  });

  for (const { name, kept } of keptRuns()) {
    test(`${name}: ${kept.note}`, () => {
      for (const { violation, trace } of variants(kept, 10)) expect(violation, trace.slice(-60).join("\n")).toBeNull();
    });
  }
});

describe("a run written as lines", () => {
  test("is the same run when it is read", () => {
    for (let seed = 1; seed <= 60; seed++) {
      const config = drawConfig(seed);
      const schedule = drawSchedule(config);
      const read = parseScenario(scenarioLines({ config, schedule }));
      expect(read.schedule).toEqual(schedule);
      const { faults, writes, reads, changes } = config;
      expect({ ...read.config, faults, writes, reads, changes }).toEqual(config);
    }
  });

  test("is refused if it names what there is not", () => {
    const lines = scenarioLines({ config: drawConfig(1), schedule: [] });
    expect(() => parseScenario([...lines, "flux 3"])).toThrow(/has no 'flux'/);
    expect(() => parseScenario(lines.filter((line) => !line.startsWith("zones")))).toThrow(/zones/);
    expect(() => parseScenario([...lines, "1.000 pause node=x for=1.000ms"])).toThrow(/no node/);
  });
});

const open = keptRuns("open");
describe.runIf(open.length > 0)("holes that are known and open: once mended, move the run to the others", () => {
  for (const { name, kept } of open) {
    test(
      `${name}: ${kept.note}`,
      () => {
        const broken = variants(kept, 100).filter((o) => o.violation?.invariant === kept.invariant);
        expect(broken.length).toBeGreaterThan(0);
      },
      DEADLINE_MS,
    );
  }
});

describe("the traps of Postgres bite", () => {
  const config: SimConfig = {
    ...drawConfig(1),
    ...{ nodes: 3, zones: ["a", "b", "c"], policy: { kind: "at_least", copies: 3 }, detectMs: 300, chaosUs: 6_000_000 },
    ...{ founded: true, ending: "core", loss: 0, duplicates: 0, spikes: 0, persistFails: 0, persistSlow: 0 },
    ...{ operationFails: 0, operationSlow: 0, replayStalls: 0, latencyUs: [100, 500], flushUs: [100, 500] },
  };
  // n3 is gone; n2 has the write, dies before its leader notices, and comes back under the same name.
  const schedule: Action[] = [
    { at: 100_000, kind: "machine_dies", node: 2, forUs: 5_000_000 },
    { at: 200_000, kind: "write", client: 0 },
    { at: 400_000, kind: "machine_dies", node: 1, forUs: 200_000 },
  ];

  test("without slots one follower counts twice", () => {
    expect(runSeed(1, { config: { ...config, slotless: true }, schedule }).violation?.invariant).toBe("I6");
  });

  test("with them it does not", () => {
    expect(runSeed(1, { config, schedule }).violation).toBeNull();
  });
});

describe("the simulator", () => {
  test(
    "breaks nothing over a few seeds, and does the same twice",
    () => {
      const { violations, marks, twice } = runBatch({ from: 1, count: 100 });
      expect(violations).toEqual([]);
      expect(twice).toBeGreaterThan(0);
      expect(marks.established ?? 0).toBeGreaterThan(50);
      expect(marks.write_acknowledged ?? 0).toBeGreaterThan(500);
    },
    DEADLINE_MS,
  );

  test("no run sees a clock of this machine", () => {
    const { setTimeout } = globalThis;
    const now = Date.now;
    runSeed(1);
    expect(globalThis.setTimeout).toBe(setTimeout);
    expect(Date.now).toBe(now);
  });
});
