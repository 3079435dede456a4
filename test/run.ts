import { spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readdirSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join, relative } from "node:path";

/**
 * `npm test`: every check, the unit tests, the simulator, and the tests on real Postgres: of one node on every version at
 * hand, of clusters on the first of them, the most telling of those on the others as well. `npm run test:all` leaves
 * nothing out, and takes longer than a submission may. The last line is `N passed, N failed`, whatever went wrong before it; exit code 1 if anything failed.
 */

interface Tally {
  passed: number;
  failed: number;
}

/** What vitest's reporter for machines writes, as far as it is read here. */
interface Report {
  readonly numPassedTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly fullName: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

/** The whole run has to end within 25 minutes, the installation included: a hanging step must not take the summary along. */
const STEP_DEADLINE_MS = 15 * 60_000;
/** Of what runs beside the others, and only when these leave a processor idle. */
const BESIDE_DEADLINE_MS = 20 * 60_000;
/** So many runs of the simulator for each change (TESTING.md section 6). */
const SEEDS = "20000";
const ONE_NODE = ["test/pg/process_", "test/pg/replication_"];
const ONE_NODE_TELLING = ["test/pg/process_", "test/pg/replication_acknowledged", "test/pg/replication_rulesets"];
/** Of the first version only, but in `npm run test:all`. */
const ONE_NODE_REST = ["clone", "promote", "rewind", "two_clones"].map((name) => `test/pg/replication_${name}`);
const CLUSTERS = ["test/pg/cluster_", "test/pg/demo"];
/**
 * Left to `npm run test:all`: one failure right after another, each of which alone is in the others; kills in each step of a
 * founding and of a clone's swap, which the scripts and the simulator have as well; what every cluster here does at its start.
 */
const TAKES_LONG = ["cascade", "founding", "clone", "bootstrap"].map((name) => `test/pg/cluster_${name}.pg.test.ts`);
/** Of a second version: a crash of everything that can crash, and the demo. */
const CLUSTERS_TELLING = ["test/pg/cluster_crash", "test/pg/demo"];
const ALL = process.argv.includes("--all");
const CHECKS = ["check:types", "check:core", "check:lint", "check:imports"] as const;

const tally: Tally = { passed: 0, failed: 0 };
/** What failed, said once more at the end: of a long output only the end may be kept. */
const failures: string[] = [];
/** Of one failed test: its first words, the place, and a look at what a cluster said. */
const LINES_OF_A_FAILURE = 40;

/** With whose output a command runs: ours, or a file's, and then only as long as nobody else wants the processors. */
type Place = { readonly log: number } | null;

/** Runs a command; resolves to its exit code, 124 if it had to be killed at the deadline. */
function run(
  program: string,
  rest: readonly string[],
  env: NodeJS.ProcessEnv = {},
  beside: Place = null,
): Promise<number> {
  const [command, args] = beside === null ? [program, rest] : ["nice", ["-n", "19", program, ...rest]];
  const output = beside?.log ?? "inherit";
  const deadlineMs = beside === null ? STEP_DEADLINE_MS : BESIDE_DEADLINE_MS;
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      stdio: ["ignore", output, output],
      env: { ...process.env, ...env },
      detached: true,
    });
    const deadline = setTimeout(() => {
      process.stdout.write(`${command} ${args.join(" ")}: no end after ${deadlineMs / 60_000} minutes, killed\n`);
      signalGroup(child.pid, "SIGKILL");
    }, deadlineMs);
    // A process group of its own does not hear the terminal's Ctrl-C.
    const interrupted = () => signalGroup(child.pid, "SIGINT");
    process.once("SIGINT", interrupted);
    process.once("SIGTERM", interrupted);
    child.once("exit", () => {
      process.off("SIGINT", interrupted);
      process.off("SIGTERM", interrupted);
    });
    child.once("error", (error) => {
      process.stdout.write(`${command} cannot be started: ${error.message}\n`);
      clearTimeout(deadline);
      resolve(127);
    });
    child.once("exit", (code) => {
      clearTimeout(deadline);
      resolve(code ?? 124);
    });
  });
}

/** The step with its workers: each step is the leader of a process group. */
function signalGroup(leader: number | undefined, signal: NodeJS.Signals): void {
  try {
    if (leader !== undefined) process.kill(-leader, signal);
  } catch {
    // Gone already: that is what was wanted.
  }
}

async function check(script: string, args: readonly string[] = [], beside: Place = null): Promise<boolean> {
  const code = await run("npm", ["run", "-s", script, ...(args.length > 0 ? ["--", ...args] : [])], {}, beside);
  process.stdout.write(`${code === 0 ? "ok" : "FAILED"}  ${["npm run", script, ...args].join(" ")}\n`);
  if (code === 0) tally.passed += 1;
  else fail(["npm run", script, ...args].join(" "));
  return code === 0;
}

function fail(what: string): void {
  tally.failed += 1;
  failures.push(what);
}

/** Counts what vitest reports; a run that ended badly without a failed test (a crash, no report) counts as one failure. */
async function vitest(project: string, env: NodeJS.ProcessEnv = {}, filters: readonly string[] = []): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "quorate-test-report-"));
  const report = join(folder, "report.json");
  const code = await run(
    "npx",
    [
      "vitest",
      "run",
      "--project",
      project,
      ...filters,
      "--passWithNoTests",
      ...(ALL ? [] : TAKES_LONG.flatMap((file) => ["--exclude", file])),
      // By itself it leaves one processor out.
      ...(project === "unit" ? [`--maxWorkers=${availableParallelism()}`] : []),
      "--reporter=default",
      "--reporter=json",
      `--outputFile.json=${report}`,
    ],
    env,
  );
  const told = await readFile(report, "utf8")
    .then((text) => JSON.parse(text) as Report)
    .catch((): Report => ({ numPassedTests: 0, testResults: [] }));
  await rm(folder, { recursive: true, force: true });
  tally.passed += told.numPassedTests;
  const failed = told.testResults.flatMap(failuresOf);
  for (const failure of failed) fail(failure);
  if (code !== 0 && failed.length === 0) fail(`vitest ended with ${code} and named no test: ${project} ${filters}`);
}

/** A file that broke outside its tests is a failure of its own. */
function failuresOf(file: Report["testResults"][number]): readonly string[] {
  const name = relative(process.cwd(), file.name);
  const tests = file.assertionResults.filter(({ status }) => status === "failed");
  if (file.status === "failed" && tests.length === 0) return [`${name}\n${firstLines([file.message])}`];
  return tests.map((test) => `${name}: ${test.fullName}\n${firstLines(test.failureMessages)}`);
}

function firstLines(messages: readonly string[]): string {
  const lines = messages.join("\n").split("\n");
  return lines
    .slice(0, LINES_OF_A_FAILURE)
    .map((line) => `    ${line}`)
    .join("\n");
}

/** The system's Postgres as the distribution lays it out, and the one from npm, which is always there. */
function postgresSources(): readonly string[] {
  const chosen = process.env.QUORATE_TEST_POSTGRES;
  if (chosen !== undefined && chosen !== "") return [chosen];
  const root = "/usr/lib/postgresql";
  const system =
    existsSync(root) && readdirSync(root).some((version) => existsSync(join(root, version, "bin/postgres")));
  return system ? ["system", "npm"] : ["npm"];
}

/** The simulator, beside what waits for Postgres most of the time. */
async function simulate(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "quorate-test-log-"));
  const path = join(folder, "log");
  const log = openSync(path, "w");
  const passed = await check("sim", ["--seeds", SEEDS], { log });
  closeSync(log);
  const said = await readFile(path, "utf8");
  // How often each state was reached is two hundred lines: they are wanted where it failed.
  simulated = passed ? said.replaceAll(/^ {2}.*\n/gm, "") : said;
  await rm(folder, { recursive: true, force: true });
}

let simulated = "";

try {
  for (const script of CHECKS) await check(script);
  await vitest("unit");
  const rest = simulate();
  // Tests of one Postgres take every version at hand in one run; clusters are made of one version each.
  process.stdout.write("tests on real Postgres: one node, every version\n");
  const sources = postgresSources();
  await vitest("pg", {}, ALL ? ONE_NODE : ONE_NODE_TELLING);
  if (!ALL) await vitest("pg", { QUORATE_TEST_POSTGRES: sources[0] ?? "npm" }, ONE_NODE_REST);
  for (const [index, source] of sources.entries()) {
    process.stdout.write(`tests on real Postgres: clusters, ${source}\n`);
    await vitest("pg", { QUORATE_TEST_POSTGRES: source }, ALL || index === 0 ? CLUSTERS : CLUSTERS_TELLING);
  }
  process.stdout.write("the simulator, beside all these\n");
  await rest;
  process.stdout.write(simulated);
} catch (error) {
  process.stdout.write(`the test run broke: ${error instanceof Error ? error.stack : String(error)}\n`);
  fail("the test run itself");
}
for (const failure of failures) process.stdout.write(`FAILED: ${failure}\n`);
process.exitCode = tally.failed === 0 && tally.passed > 0 ? 0 : 1;
process.stdout.write(`${tally.passed} passed, ${tally.failed} failed\n`);
