/**
 * `npm run -s sim:exhaustive -- [--scenario NAME] [--minutes N] [--states N]`: every reachable state of each scenario, and
 * how many there were. Exit code 1 if an invariant broke, with the shortest way there.
 */
import { parseArgs } from "node:util";
import { SCENARIOS } from "./scenarios.js";
import { type Found, search } from "./search.js";

const { values } = parseArgs({
  options: {
    scenario: { type: "string" },
    minutes: { type: "string", default: "5" },
    states: { type: "string", default: "12000000" },
  },
});

const say = (line: string) => process.stdout.write(`${line}\n`);
const chosen = SCENARIOS.filter((s) => values.scenario === undefined || s.name === values.scenario);
if (chosen.length === 0)
  throw new Error(`there is no scenario ${values.scenario}; there are ${SCENARIOS.map((s) => s.name).join(", ")}`);

const all: Found[] = [];
for (const scenario of chosen) {
  const began = performance.now();
  const found = search(scenario, {
    statesMax: Number(values.states),
    until: began + Number(values.minutes) * 60_000,
    now: () => performance.now(),
    progress: say,
  });
  all.push(found);
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  const end = found.violation !== null ? "BROKEN" : found.complete ? "complete" : "cut";
  say(
    `${scenario.name} (${scenario.what}): ${found.states} states, ${found.transitions} transitions, depth ${found.depth}, ${end}, ${seconds} s; ${found.steps} steps of the core over ${found.nodes} states of a node; reached: ${found.reached.join(", ")}`,
  );
  if (found.violation === null) continue;
  say(`  ${found.violation.what}`);
  for (const line of found.violation.trace) say(`    ${line}`);
}
const states = all.reduce((sum, f) => sum + f.states, 0);
const broken = all.filter((f) => f.violation !== null).length;
say(
  `${all.length} searches, ${all.filter((f) => f.complete).length} complete, ${states} states, ${broken} invariants broken`,
);
process.exitCode = broken > 0 ? 1 : 0;
