import type { Action } from "./action.js";
import type { SimConfig } from "./config.js";
import { runSeed } from "./run_seed.js";

export interface Scenario {
  readonly config: SimConfig;
  readonly schedule: readonly Action[];
}

/** Rates that a smaller reproduction can do without. */
const RATES = [
  "spikes",
  "loss",
  "duplicates",
  "persistSlow",
  "persistFails",
  "replayStalls",
  "operationFails",
  "operationSlow",
  "promoteSwallowed",
  "falseAcks",
  "cascades",
  "clockDriftPpm",
] as const satisfies readonly (keyof SimConfig)[];

/**
 * Delta debugging: halves of the schedule are left out, then smaller parts, then single actions; then rates are set to
 * zero. What remains breaks the same invariant.
 */
export function shrink(whole: Scenario, invariant: string, tries: number): Scenario {
  let left = tries;
  const fails = (scenario: Scenario) => {
    if (left <= 0) return false;
    left--;
    const { violation } = runSeed(scenario.config.seed, scenario);
    return violation?.invariant === invariant;
  };
  let { config, schedule } = whole;
  for (let size = Math.ceil(schedule.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < schedule.length; ) {
      const fewer = [...schedule.slice(0, at), ...schedule.slice(at + size)];
      if (fails({ config, schedule: fewer })) schedule = fewer;
      else at += size;
    }
  }
  for (const rate of RATES) {
    if (config[rate] === 0) continue;
    const calmer = { ...config, [rate]: 0 };
    if (fails({ config: calmer, schedule })) config = calmer;
  }
  for (let i = 0; i < schedule.length; ) {
    const fewer = [...schedule.slice(0, i), ...schedule.slice(i + 1)];
    if (fails({ config, schedule: fewer })) schedule = fewer;
    else i++;
  }
  return { config, schedule };
}
