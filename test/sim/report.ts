import type { Totals } from "./pool.js";
import { LISTED } from "./sometimes.js";

const WIDTH = 44;

/** What people see after a run: speed, what was reached, what was broken. */
export function tableText(total: Totals, missed: readonly string[]): string {
  const lines = [
    ...speedLines(total),
    "",
    `states reached: ${LISTED.length - missed.length} of ${LISTED.length} listed`,
  ];
  for (const mark of LISTED)
    lines.push(`  ${mark.padEnd(WIDTH)} ${total.marks[mark] ?? 0}${missed.includes(mark) ? "  NEVER" : ""}`);
  lines.push("", ...violationLines(total));
  return lines.join("\n");
}

function speedLines(total: Totals): string[] {
  const seconds = total.elapsedMs / 1000;
  return [
    `${total.seeds} seeds (${total.twice} of them twice), ${total.events} events, ${Math.round(total.virtualUs / 1e6)} s of virtual time in ${seconds.toFixed(1)} s`,
    `${Math.round((total.seeds + total.twice) / seconds)} seeds/s, ${Math.round(total.events / seconds)} events/s`,
  ];
}

function violationLines(total: Totals): string[] {
  if (total.violations.length === 0) return ["no invariant was broken"];
  return [
    `${total.violations.length} runs broke an invariant:`,
    ...total.violations.slice(0, 20).map(({ seed, what }) => `  seed ${seed}: ${what.slice(0, 300)}`),
    "replay one with: npm run -s sim -- --seed N",
  ];
}

/** The same for a file: what a soak leaves behind. */
export function reportText(total: Totals, missed: readonly string[]): string {
  const faults = Object.entries(total.marks).filter(
    ([mark]) => mark.startsWith("action ") || mark.startsWith("damage "),
  );
  const others = Object.entries(total.marks).filter(([mark]) => !mark.startsWith("action "));
  const rows = (entries: readonly (readonly [string, number])[]) =>
    [...entries].sort(([a], [b]) => (a < b ? -1 : 1)).map(([mark, times]) => `| ${mark} | ${times} |`);
  return [
    "# Simulator: report of a run",
    "",
    `Command: \`npm run -s sim:soak -- ${process.argv.slice(2).join(" ")}\`, Node ${process.version}.`,
    "",
    ...speedLines(total).map((line) => `- ${line}`),
    `- states reached: ${LISTED.length - missed.length} of ${LISTED.length} listed${missed.length === 0 ? "" : `; never: ${missed.join(", ")}`}`,
    "",
    ...violationLines(total),
    "",
    "## Faults and clients",
    "",
    "| action | times |",
    "|---|---|",
    ...rows(faults),
    "",
    "## Everything counted",
    "",
    "| mark | times |",
    "|---|---|",
    ...rows(others),
    "",
  ].join("\n");
}
