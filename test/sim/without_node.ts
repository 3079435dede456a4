import { type Action, LEADER } from "./action.js";
import type { Scenario } from "./kept.js";

/** The run with one machine fewer, the others called by new numbers; null if its policy would need it. */
export function withoutNode({ config, schedule }: Scenario, gone: number): Scenario | null {
  const founders = gone < config.founders ? config.founders - 1 : config.founders;
  const { policy } = config;
  if (policy.kind === "per_leader" || founders < 2 || (policy.kind === "at_least" && policy.copies > founders))
    return null;
  const zones = config.zones.filter((_, i) => i !== gone);
  return {
    config: { ...config, nodes: config.nodes - 1, founders, zones, witnesses: maskWithout(config.witnesses, gone) },
    schedule: schedule.flatMap((action) => actionWithout(action, gone)),
  };
}

function actionWithout(action: Action, gone: number): Action[] {
  let left = action;
  if ("node" in left && left.node !== LEADER) {
    if (left.node === gone) return [];
    if (left.node > gone) left = { ...left, node: left.node - 1 };
  }
  if (left.kind === "order" && left.target !== undefined) {
    if (left.target === gone) return [];
    if (left.target > gone) left = { ...left, target: left.target - 1 };
  }
  if (!("from" in left)) return [left];
  const from = maskWithout(left.from, gone);
  const to = maskWithout(left.to, gone);
  return from === 0 || to === 0 ? [] : [{ ...left, from, to }];
}

function maskWithout(mask: number, gone: number): number {
  if (mask === LEADER) return mask;
  const below = (1 << gone) - 1;
  return (mask & below) | ((mask >> 1) & ~below);
}
