import { runSeed } from "../sim/run_seed.js";
import { parseScenario } from "../sim/scenario_text.js";

/** Far enough apart that no two scripts draw the same. */
const NEXT_DRAW = 1_000_003;

/**
 * `simulate K`, then a run of the simulator as `scenario_text.ts` writes it: its whole trace, and whether anything was
 * broken. The same schedule is played under K - 1 other draws of the world as well, since a change of the world moves every
 * latency of a run that was kept; of those only what was broken is told.
 */
export function simulate([command = "", ...lines]: readonly string[]): string[] {
  const draws = Number(command.split(/\s+/)[1] ?? 1);
  const { config, schedule } = parseScenario(lines);
  const { trace } = runSeed(config.seed, { config, schedule, tracing: true });
  const told = trace.map((line) => line.trimStart());
  for (let i = 1; i < draws; i++) {
    const seed = config.seed + i * NEXT_DRAW;
    const other = runSeed(seed, { config: { ...config, seed }, schedule }).violation;
    if (other !== null) told.push(`VIOLATION in draw ${i + 1}: ${other.invariant}: ${other.what}`);
  }
  if (!told.some((line) => line.includes("VIOLATION")))
    told.push(draws === 1 ? "nothing broken" : `nothing broken in ${draws} draws`);
  return told;
}
