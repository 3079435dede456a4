/**
 * `npm run -s sim:mutants -- [--name PART] [--seeds N] [--seconds N] [--scripts named] [--table FILE] [-o json]`: breaks each
 * guard in turn and says what notices; with `--scripts named`, of the scripts only the one that its mutant names. Exit code 1 if a mutant lives that survivors.ts does not explain, or one dies that it says cannot.
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import type { Verdict } from "./evaluate.js";
import { evaluate, isKilled } from "./evaluate.js";
import { MUTANTS } from "./list.js";
import { SURVIVORS } from "./survivors.js";
import { row, tableOf, toJson } from "./table.js";

const { values } = parseArgs({
  options: {
    name: { type: "string" },
    seeds: { type: "string", default: "100" },
    seconds: { type: "string", default: "20" },
    scripts: { type: "string", default: "all" },
    table: { type: "string" },
    output: { type: "string", short: "o", default: "table" },
  },
});

const json = values.output === "json";
const budget = {
  seeds: Number(values.seeds),
  seedsMs: Number(values.seconds) * 1000,
  namedOnly: values.scripts === "named",
};
const chosen = MUTANTS.filter(({ name }) => values.name === undefined || name.includes(values.name));
if (chosen.length === 0) throw new Error(`there is no mutant ${values.name}`);

const verdicts: Verdict[] = [];
for (const mutant of chosen) {
  const verdict = await evaluate(mutant, budget);
  verdicts.push(verdict);
  if (!json) process.stdout.write(`${row(verdict)}\n`);
}
const alive = verdicts.filter((v) => !isKilled(v));
const unexplained = alive.filter(({ mutant }) => SURVIVORS[mutant.name] === undefined);
if (json) process.stdout.write(`${JSON.stringify(toJson(verdicts), null, 2)}\n`);
else
  process.stdout.write(
    `${verdicts.length} mutants, ${verdicts.length - alive.length} killed, ${unexplained.length} unexplained\n`,
  );
if (values.table !== undefined) writeFileSync(values.table, tableOf(verdicts, budget));
process.exitCode = unexplained.length > 0 ? 1 : 0;
