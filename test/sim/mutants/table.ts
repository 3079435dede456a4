import type { Budget, Verdict } from "./evaluate.js";
import { isKilled } from "./evaluate.js";
import { SURVIVORS } from "./survivors.js";

const SCRIPTS_SHOWN = 2;

/** What notices a mutant, in the words of the table. */
export function by({ seeds, scripts, search, mutant }: Verdict): string {
  const parts: string[] = [];
  if (seeds !== null && seeds.noticed > 0)
    parts.push(`${seeds.noticed} of ${seeds.ran} seeds, the first ${seeds.first?.seed}`);
  if (scripts.length > 0) {
    const more = scripts.length > SCRIPTS_SHOWN ? ` and ${scripts.length - SCRIPTS_SHOWN} more` : "";
    parts.push(`${scripts.slice(0, SCRIPTS_SHOWN).join(", ")}${more}`);
  }
  if (search !== null) parts.push(`search ${search}`);
  if (parts.length === 0)
    parts.push(SURVIVORS[mutant.name] === undefined ? "NOTHING" : "nothing, and survivors.ts says why");
  return parts.join("; ");
}

export function row(verdict: Verdict): string {
  return `${isKilled(verdict) ? "killed " : "ALIVE  "} ${verdict.mutant.name.padEnd(48)} ${by(verdict)}`;
}

/** CONTRACT 3. */
export function toJson(verdicts: readonly Verdict[]) {
  return {
    schema: "quorate.mutants/1",
    mutants: verdicts.map((v) => ({ name: v.mutant.name, killed: isKilled(v), by: by(v) })),
  };
}

/** docs/mutants.md. */
export function tableOf(verdicts: readonly Verdict[], budget: Budget): string {
  const killed = verdicts.filter(isKilled);
  const lines = verdicts.map((v) => {
    const { seeds, scripts, mutant } = v;
    const rate = seeds === null ? "" : `${seeds.noticed} of ${seeds.ran}`;
    const what = seeds?.first == null ? "" : `${seeds.first.seed}`;
    const script =
      scripts[0] === undefined
        ? (v.search ?? "")
        : `${scripts[0].replace(/\.txt$/, "")}${scripts.length > 1 ? ` (+${scripts.length - 1})` : ""}`;
    return `| ${mutant.name} | ${mutant.why.replaceAll("|", "/")} | ${rate} | ${what} | ${isKilled(v) ? script : "**nothing**"} |`;
  });
  const explained = Object.entries(SURVIVORS).filter(([name]) => verdicts.some((v) => v.mutant.name === name));
  return `# Mutants

Each guard of the protocol broken on purpose, one at a time, while the source is bundled; and what notices.
Made by \`npm run -s sim:mutants -- --seeds ${budget.seeds} --seconds ${budget.seedsMs / 1000}${budget.namedOnly ? " --scripts named" : ""} --table docs/mutants.md\`:
${verdicts.length} mutants, ${killed.length} killed.${budget.namedOnly ? " Of the scripts, each mutant was shown the one that it names." : ""}

| mutant | breaks | seeds that notice | first | script, or search |
|---|---|---|---|---|
${lines.join("\n")}

## Survivors, and why

${explained.map(([name, reason]) => `- **${name}**: ${reason}`).join("\n")}
`;
}
