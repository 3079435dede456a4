import type { Action } from "./action.js";
import type { SimConfig } from "./config.js";
import type { Scenario } from "./kept.js";
import { runSeed } from "./run_seed.js";
import { withoutNode } from "./without_node.js";

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
 * zero; then nodes are left out, the last one first; then single actions
 * once more. What remains breaks the same invariant.
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
  for (let node = config.nodes - 1; node >= 0; node--) {
    const smaller = withoutNode({ config, schedule }, node);
    if (smaller !== null && fails(smaller)) ({ config, schedule } = smaller);
  }
  schedule = withoutSingles({ config, schedule }, fails);
  return { config, schedule };
}

function withoutSingles({ config, schedule }: Scenario, fails: (scenario: Scenario) => boolean): readonly Action[] {
  let left = schedule;
  for (let i = 0; i < left.length; ) {
    const fewer = [...left.slice(0, i), ...left.slice(i + 1)];
    if (fails({ config, schedule: fewer })) left = fewer;
    else i++;
  }
  return left;
}
