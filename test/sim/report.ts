import { execFileSync } from "node:child_process";
import { availableParallelism } from "node:os";
import { basename } from "node:path";
import type { Broken } from "./batch.js";
import type { Totals } from "./pool.js";
import { LISTED } from "./sometimes.js";

const WIDTH = 44;
const SHOWN_MAX = 20;
const WHAT_MAX = 300;

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

/** The same for programs. */
export function jsonOf(total: Totals, missed: readonly string[]): string {
  const { from, seeds, violations, hash } = total;
  return JSON.stringify({
    schema: "quorate.sim/1",
    from,
    seeds,
    violations: violations.length,
    ...rates(total),
    marks_listed: LISTED.length,
    marks_hit: LISTED.length - missed.length,
    hash,
    failed_seeds: violations,
    marks_missed: missed,
  });
}

function rates({ seeds, twice, events, elapsedMs }: Totals) {
  const seconds = elapsedMs / 1000;
  return { seeds_per_s: Math.round((seeds + twice) / seconds), events_per_s: Math.round(events / seconds) };
}

function speedLines(total: Totals): string[] {
  const { seeds_per_s, events_per_s } = rates(total);
  return [
    `${total.seeds} seeds from ${total.from} on, ${total.events} events, ${Math.round(total.virtualUs / 1e6)} s of virtual time in ${(total.elapsedMs / 1000).toFixed(1)} s`,
    `${seeds_per_s} seeds/s, ${events_per_s} events/s`,
    `hash of all traces ${total.hash}; ${total.twice} seeds ran twice, ${total.twice - differing(total)} of them with the same trace`,
  ];
}

function differing(total: Totals): number {
  return total.violations.filter((v) => v.invariant === "determinism").length;
}

export function brokenText({ seed, invariant, what }: Broken): string {
  return `seed ${seed}: ${invariant}: ${what.slice(0, WHAT_MAX)}`;
}

function violationLines({ violations }: Totals): string[] {
  if (violations.length === 0) return ["no invariant was broken"];
  return [
    `${violations.length} runs broke an invariant:`,
    ...violations.slice(0, SHOWN_MAX).map((broken) => `  ${brokenText(broken)}`),
    ...(violations.length > SHOWN_MAX ? ["  ..."] : []),
    "replay one with: npm run -s sim -- --seed N",
  ];
}

export interface Soaked {
  readonly total: Totals;
  readonly missed: readonly string[];
  /** Files with the shrunk runs. */
  readonly kept: readonly string[];
  readonly interrupted: boolean;
}

/** The same for a file: what a soak leaves behind. */
export function reportText({ total, missed, kept, interrupted }: Soaked): string {
  const isFault = (mark: string) => mark.startsWith("action ") || mark.startsWith("damage ");
  const rows = (wanted: (mark: string) => boolean) =>
    Object.entries(total.marks)
      .filter(([mark]) => wanted(mark))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([mark, times]) => `| ${mark} | ${times} |`);
  return [
    "# Simulator: report of a soak",
    "",
    `- command: \`npm run -s sim:soak -- ${process.argv.slice(2).join(" ")}\`${interrupted ? " (interrupted)" : ""}`,
    `- the same seeds again: \`npm run -s sim -- --from ${total.from} --seeds ${total.seeds}\``,
    `- commit ${commit()}, Node ${process.version}, ${availableParallelism()} processors`,
    ...speedLines(total).map((line) => `- ${line}`),
    `- states reached: ${LISTED.length - missed.length} of ${LISTED.length} listed${missed.length === 0 ? "" : `; never: ${missed.join(", ")}`}`,
    "- what the simulator, the scripts and the search notice when a guard is broken: [mutants.md](mutants.md)",
    "",
    ...violationLines(total),
    ...kept.map((path) => `- shrunk: test/sim/seeds/open/${basename(path)}`),
    "",
    "## Faults, clients and operators",
    "",
    "| action | times |",
    "|---|---|",
    ...rows(isFault),
    "",
    "## States reached",
    "",
    "| mark | times |",
    "|---|---|",
    ...rows((mark) => !isFault(mark)),
    "",
  ].join("\n");
}

/** Which text ran: with `+changes` it is in no commit. */
function commit(): string {
  const git = (...args: string[]) =>
    execFileSync("git", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  try {
    const changes = git("status", "--porcelain", "--untracked-files=no") === "" ? "" : "+changes";
    return `${git("rev-parse", "--short=12", "HEAD")}${changes}`;
  } catch {
    return "unknown (no git here)";
  }
}
