import type { z } from "zod";
import type { benchCommitShape } from "../src/cli/schemas.js";
import { CONNECT_PATIENTLY_MS, connect, hangUp, type Place } from "../src/demo/client.js";
import type { LocalCluster } from "../src/demo/cluster.js";
import { leaderOf } from "../src/demo/failover.js";
import { HOST, parsePolicy } from "../src/demo/plan.js";
import { type Bench, describeMachine, formCluster, runBench } from "./bench.js";
import { measureCommits, prepareLoad } from "./load.js";
import { flag, milliseconds, UsageError, wholeNumber, wholeNumbers } from "./options.js";
import { startPlainCluster } from "./plain_cluster.js";
import { pairedRatio, rounded } from "./statistics.js";

/**
 * Commits a second under the native policy, against plain Postgres set up by hand with the same names and settings.
 * Both clusters stay up all the time, only one gets load at a time, and who goes first alternates.
 */

type Result = z.output<typeof benchCommitShape>;
type Pair = Result["pairs"][number];

const NODES = 3;
const MEASURE_MS = 2_000;
const HEAL_MAX_MS = 90_000;

async function measure(bench: Bench): Promise<Result> {
  const levels = wholeNumbers(bench.flags, "clients");
  const count = wholeNumber(bench.flags, "pairs", 1);
  const policy = parsePolicy(flag(bench.flags, "policy"));
  if (policy === null) throw new UsageError(`--policy ${flag(bench.flags, "policy")}: write majority or at_least:2`);
  if (milliseconds(bench.flags, "delay") > 0)
    throw new UsageError("--delay is not in this version: it comes with the relay, whose wire it delays; leave it out");
  const settings = { max_connections: Math.max(50, ...levels.map((clients) => clients + 20)) };
  const cluster = await formCluster(bench, { policy, nodes: NODES, settings });
  const needed = typeof policy === "string" ? Math.floor(NODES / 2) : policy.at_least - 1;
  const [ours, plain] = await startBoth(bench, cluster, needed);
  const pairs: Pair[] = [];
  for (let round = 0; round < count; round++) {
    for (const clients of levels) {
      const pair = await measurePair(bench, { ours, plain, clients, oursFirst: round % 2 === 0 });
      pairs.push(pair);
      bench.say(
        `pair ${round + 1}/${count}, ${clients} clients: plain ${pair.baseline_tps}, Quorate ${pair.tps} commits/s`,
      );
    }
  }
  return {
    schema: "quorate.bench/1",
    bench: "commit",
    machine: describeMachine(bench.binaries),
    settings: { nodes: NODES, policy, measure_ms: MEASURE_MS, names: `ANY ${needed} of ${NODES - 1}` },
    pairs,
    summary: Object.fromEntries(levels.map((clients) => [String(clients), summarize(pairs, clients)])),
  };
}

/** Quorate's leader and the plain primary, each with an empty table. */
async function startBoth(bench: Bench, cluster: LocalCluster, needed: number): Promise<readonly [Place, Place]> {
  const leader = leaderOf(await cluster.untilHealthy("a leader", HEAL_MAX_MS));
  const ours = { host: HOST, port: leader.port };
  const model = await connect(ours, CONNECT_PATIENTLY_MS);
  try {
    const plain = await startPlainCluster({ bench, model, standbys: NODES - 1, needed });
    for (const place of [ours, plain]) await prepareLoad(place);
    return [ours, plain];
  } finally {
    hangUp(model);
  }
}

interface PairOptions {
  readonly ours: Place;
  readonly plain: Place;
  readonly clients: number;
  readonly oursFirst: boolean;
}

async function measurePair({ signal }: Bench, { ours, plain, clients, oursFirst }: PairOptions): Promise<Pair> {
  const load = (place: Place) => measureCommits(place, clients, MEASURE_MS, signal);
  const first = await load(oursFirst ? ours : plain);
  const second = await load(oursFirst ? plain : ours);
  const [tps, baseline_tps] = oursFirst ? [first, second] : [second, first];
  return { clients, baseline_tps: rounded(baseline_tps, 1), tps: rounded(tps, 1) };
}

function summarize(pairs: readonly Pair[], clients: number): Result["summary"][string] {
  const own = pairs.filter((pair) => pair.clients === clients);
  const { ratio, ci95 } = pairedRatio(own.map(({ baseline_tps, tps }) => ({ baseline: baseline_tps, value: tps })));
  return { ratio: rounded(ratio, 4), ci95: [rounded(ci95[0], 4), rounded(ci95[1], 4)] };
}

function render({ summary }: Result): string {
  return Object.entries(summary)
    .map(([clients, { ratio, ci95 }]) => `${clients} clients: ratio ${ratio} (95 %: ${ci95[0]} to ${ci95[1]})`)
    .join("\n");
}

await runBench({ clients: "1,8,32", pairs: "10", policy: "majority", delay: "" }, measure, render);
