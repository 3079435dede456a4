import { availableParallelism } from "node:os";
import { LocalCluster } from "../src/demo/cluster.js";
import { endDemo } from "../src/demo/ending.js";
import { freePorts } from "../src/demo/free_ports.js";
import { type DemoHome, makeHome } from "../src/demo/home.js";
import { catchInterruption } from "../src/demo/interrupt.js";
import { type DemoPolicy, planNodes, portsNeeded, SMALL } from "../src/demo/plan.js";
import type { Binaries } from "../src/postgres/binaries.js";
import { findBinaries } from "../src/postgres/binaries.js";
import { chooseOsUser } from "../src/postgres/os_user.js";
import { type Flags, readFlags, UsageError } from "./options.js";

/** What a bench is run with. */
export interface Bench {
  readonly flags: Flags;
  readonly signal: AbortSignal;
  readonly home: DemoHome;
  readonly binaries: Binaries;
  /** For the person who waits; never on standard output. */
  say(text: string): void;
}

const EXIT_FAILED = 1;
const EXIT_USAGE = 64;
const EXIT_INTERRUPTED = 130;
const FORM_MS = 90_000;

/**
 * Runs one bench in a directory of its own and prints its result; whatever happens, and whenever Ctrl-C comes, no
 * process, no shared memory and no directory is left.
 */
export async function runBench<T>(
  defaults: Flags,
  measure: (bench: Bench) => Promise<T>,
  render: (result: T) => string,
): Promise<void> {
  const say = (text: string) => void process.stderr.write(`${text}\n`);
  const interruption = catchInterruption((name, first) => say(first ? `${name}: ending everything` : "still ending"));
  const { signal } = interruption;
  let home: DemoHome | null = null;
  try {
    const flags = readFlags(process.argv.slice(2), { ...defaults, postgres: "" });
    const binaries = await chooseBinaries(flags.postgres ?? "");
    home = await makeHome(undefined);
    const result = await measure({ flags, signal, home, binaries, say });
    process.stdout.write(flags.output === "json" ? `${JSON.stringify(result, null, 2)}\n` : `${render(result)}\n`);
  } catch (error) {
    if (!signal.aborted) {
      say(error instanceof Error ? error.message : String(error));
      process.exitCode = error instanceof UsageError ? EXIT_USAGE : EXIT_FAILED;
    }
  } finally {
    const left = home === null ? [] : await endDemo(home);
    if (left.length > 0) say(`left behind: ${left.join("; ")}`);
    if (left.length > 0) process.exitCode = EXIT_FAILED;
    if (signal.aborted) process.exitCode = EXIT_INTERRUPTED;
    interruption.release();
  }
}

/** The first Postgres that is found, or the one of a major version. */
async function chooseBinaries(major: string): Promise<Binaries> {
  const user = await chooseOsUser({});
  if (major === "") return findBinaries({ user });
  const seen: string[] = [];
  for (const source of ["path", "distribution", "npm"] as const) {
    const binaries = await findBinaries({ user, sources: [source] }).catch(() => null);
    if (binaries === null) continue;
    if (String(binaries.major) === major) return binaries;
    seen.push(`${binaries.version} (${source})`);
  }
  throw new UsageError(`--postgres ${major}: not found here; there is ${seen.join(", ") || "none"}`);
}

export interface ClusterOptions {
  readonly policy?: DemoPolicy;
  readonly nodes?: number;
  readonly settings?: Readonly<Record<string, string | number>>;
}

/** A healthy cluster in the bench's directory. */
export async function formCluster(
  { home, signal, binaries, say }: Bench,
  options: ClusterOptions = {},
): Promise<LocalCluster> {
  const count = options.nodes ?? 3;
  const nodes = planNodes(home, count, await freePorts(portsNeeded(count)));
  const settings = { ...SMALL, ...options.settings };
  const plan = { cluster: "bench", nodes, policy: options.policy ?? "majority", settings, binDir: binaries.binDir };
  const cluster = new LocalCluster(home, plan, signal);
  await cluster.writeConfig();
  say(`forming a cluster of ${count} with Postgres ${binaries.version} in ${home.dir}`);
  cluster.startAll();
  await cluster.untilHealthy("the cluster to form", FORM_MS).catch(async (error: unknown) => {
    if (!signal.aborted) say(await cluster.logTails());
    throw error;
  });
  return cluster;
}

export function describeMachine(binaries: Binaries): { cpus: number; node: string; postgres: string } {
  return { cpus: availableParallelism(), node: process.versions.node, postgres: binaries.version };
}
