import type { Action } from "./action.js";
import type { SimConfig } from "./config.js";
import { drawConfig } from "./config.js";
import { chooseCore, chooseTooFew, demandProgress, demandSilence, isSettled } from "./ending.js";
import { plan } from "./faults.js";
import { withoutAmbientClocks } from "./forbidden.js";
import { drawSchedule } from "./schedule.js";
import { Violation } from "./violation.js";
import { World } from "./world.js";

export interface SeedOutcome {
  readonly seed: number;
  readonly events: number;
  readonly virtualUs: number;
  readonly marks: ReadonlyMap<string, number>;
  readonly hash: string;
  readonly violation: { readonly invariant: string; readonly what: string; readonly atUs: number } | null;
  readonly trace: readonly string[];
}

export interface SeedOptions {
  readonly config?: SimConfig;
  readonly schedule?: readonly Action[];
  readonly tracing?: boolean;
}

/** One run: chaos by the schedule, then the ending. The same seed, configuration and schedule give the same run. */
export function runSeed(seed: number, options: SeedOptions = {}): SeedOutcome {
  const config = options.config ?? drawConfig(seed);
  const schedule = options.schedule ?? drawSchedule(config);
  const world = new World(config, options.tracing ?? false);
  let violation: SeedOutcome["violation"] = null;
  withoutAmbientClocks(() => {
    try {
      play(world, schedule);
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      violation = { invariant: error.invariant, what: error.what, atUs: error.atUs };
    }
  });
  const { events, nowUs, marks } = world;
  return { seed, events, virtualUs: nowUs, marks, hash: world.traceHash(), violation, trace: world.trace ?? [] };
}

/** A founding in peace has come to rest by then. */
const FOUNDING_US = 20_000_000;

function play(world: World, schedule: readonly Action[]): void {
  let chaos = true;
  const { founded, detectMs, chaosUs, ending } = world.config;
  for (const machine of world.machines)
    world.after(founded ? 0 : machine.rng.below(detectMs * 500), () => machine.startSidecar());
  if (founded) {
    world.network.calm = true;
    world.hurried = true;
    world.run(FOUNDING_US, () => isSettled(world.machines));
    world.network.calm = false;
    world.hurried = false;
  }
  world.say("--- the faults begin");
  world.chaosFromUs = world.nowUs;
  const before = world.checker.established.size;
  plan(world, schedule, () => chaos);
  world.run(world.nowUs + chaosUs);
  chaos = false;
  world.orders.resume();
  if (before === 0 && world.checker.established.size > 0) world.mark("founded_under_fire");
  if (ending === "too_few") {
    const few = chooseTooFew(world);
    if (few !== null) demandSilence(world, few);
    return;
  }
  const core = chooseCore(world);
  if (core === null) world.mark("no_core_left");
  else demandProgress(world, core);
}
