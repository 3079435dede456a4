import type { z } from "zod";
import type { benchFailoverShape } from "../src/cli/schemas.js";
import type { LocalCluster } from "../src/demo/cluster.js";
import { failOver, healAfter, leaderOf } from "../src/demo/failover.js";
import { FAULTS } from "../src/demo/fault.js";
import { Ledger } from "../src/demo/ledger.js";
import { HOST } from "../src/demo/plan.js";
import { judge, missing } from "../src/demo/verdict.js";
import { createTable, readAllNodes } from "../src/demo/verify.js";
import { DemoFailed, pause } from "../src/demo/waiting.js";
import { CLIENTS, RETRY_MS, Writer } from "../src/demo/writer.js";
import { type Bench, describeMachine, formCluster, runBench } from "./bench.js";
import { flag, UsageError, wholeNumber } from "./options.js";
import { quantile, rounded } from "./statistics.js";
import { type HandedOver, handOver } from "./switchover.js";

/**
 * How long writes are out when the leader dies: one cluster, one kill after the other, clients that try again every
 * 10 ms, and at the end every acknowledged row looked for on every node.
 */

type Result = z.output<typeof benchFailoverShape>;
type Trial = Result["trials"][number];
type Fault = Trial["fault"];

/** What kills, and what only asks. */
const KNOWN: readonly Fault[] = [...FAULTS, "switchover"];

const WRITE_BEFORE_MS = 500;
const WRITE_AFTER_MS = 300;
const HEAL_MAX_MS = 90_000;
const STUCK = { outage_ms: null, unserved_ms: null, phases: null, term: null, lost: 0 } as const;

interface Series {
  readonly bench: Bench;
  readonly cluster: LocalCluster;
  readonly writer: Writer;
  readonly ledger: Ledger;
}

async function measure(bench: Bench): Promise<Result> {
  const faults = readFaults(flag(bench.flags, "fault"));
  const each = wholeNumber(bench.flags, "trials", 1);
  const cluster = await formCluster(bench);
  await createTable(nodeOf(cluster, leaderOf(await cluster.untilHealthy("a leader", HEAL_MAX_MS)).id));
  const ledger = new Ledger(bench.home.ledger);
  const places = cluster.plan.nodes.map(({ pgPort }) => ({ host: HOST, port: pgPort }));
  const writer = new Writer({ places, ledger, clients: CLIENTS });
  const series: Series = { bench, cluster, writer, ledger };
  const trials: Trial[] = [];
  const bounds: number[] = [];
  writer.start();
  try {
    for (let round = 0; round < each; round++) {
      // The faults take turns, so that both meet the same cluster, as old as it is.
      for (const fault of faults) {
        trials.push(await trial(series, fault));
        bounds.push(ledger.highest());
        bench.say(describe(trials.length, each * faults.length, trials.at(-1)));
      }
    }
    await writer.stop();
  } finally {
    await writer.abort();
    await ledger.close();
  }
  await countLost(series, trials, bounds);
  return {
    schema: "quorate.bench/1",
    bench: "failover",
    machine: describeMachine(bench.binaries),
    settings: { nodes: cluster.plan.nodes.length, policy: cluster.plan.policy, clients: CLIENTS, retry_ms: RETRY_MS },
    trials,
    summary: Object.fromEntries(faults.map((fault) => [fault, summarize(trials.filter((t) => t.fault === fault))])),
  };
}

/** One kill. A cluster that does not come back within the deadlines is stuck, and the series ends with the error. */
async function trial(series: Series, fault: Fault): Promise<Trial> {
  const { bench, cluster, ledger } = series;
  const { signal } = bench;
  await pause(WRITE_BEFORE_MS, signal);
  const before = ledger.counts().acked;
  try {
    const { outage_ms, unserved_ms, phases, term } = await strike(series, fault);
    const acked = ledger.counts().acked - before;
    return { fault, outage_ms, unserved_ms, phases: { ...phases }, acked, lost: 0, term };
  } catch (error) {
    if (signal.aborted || !(error instanceof DemoFailed)) throw error;
    bench.say(`stuck: ${error.message}\n${await cluster.logTails()}`);
    for (const { id } of cluster.plan.nodes) if (cluster.pidOf(id) === null) cluster.start(id);
    await cluster.untilHealthy("the cluster to heal after a stuck trial", HEAL_MAX_MS);
    return { ...STUCK, fault, acked: ledger.counts().acked - before };
  }
}

type Struck = Omit<HandedOver, "unserved_ms"> & { readonly unserved_ms: number | null };

async function strike({ bench, cluster, writer }: Series, fault: Fault): Promise<Struck> {
  const { signal } = bench;
  if (fault === "switchover") {
    const handedOver = await handOver(cluster, writer, signal);
    await pause(WRITE_AFTER_MS, signal);
    await cluster.untilHealthy("the old leader to follow", HEAL_MAX_MS);
    return handedOver;
  }
  const failover = await failOver({ cluster, writer, fault, signal });
  await pause(WRITE_AFTER_MS, signal);
  await healAfter(cluster, failover);
  return { ...failover, unserved_ms: null };
}

/** Each lost row belongs to the trial before whose end its number was drawn. */
async function countLost(
  { bench, cluster, ledger }: Series,
  trials: Trial[],
  bounds: readonly number[],
): Promise<void> {
  const status = await cluster.untilHealthy("a healthy cluster to verify", HEAL_MAX_MS);
  const nodes = await readAllNodes(cluster.plan.nodes, leaderOf(status).id, bench.signal);
  for (const n of missing(ledger.get("acked"), nodes)) {
    const during = trials[bounds.findIndex((bound) => n <= bound)] ?? trials.at(-1);
    if (during !== undefined) during.lost++;
  }
  const { lost, duplicated, phantom } = judge(ledger, nodes);
  bench.say(
    `on every node: ${lost} lost, ${duplicated} duplicated, ${phantom} phantom of ${ledger.counts().acked} rows`,
  );
  if (duplicated + phantom > 0)
    throw new Error(`${duplicated} rows are duplicated and ${phantom} phantom; report this`);
}

function summarize(trials: readonly Trial[]): NonNullable<Result["summary"][Fault]> {
  const outages = trials.flatMap(({ outage_ms }) => outage_ms ?? []);
  const unserved = trials.flatMap(({ unserved_ms }) => unserved_ms ?? []);
  const at = (share: number, of: readonly number[] = outages) => {
    const value = quantile(of, share);
    return value === null ? null : rounded(value, 1);
  };
  return {
    n: trials.length,
    median_ms: at(0.5),
    unserved_median_ms: at(0.5, unserved),
    p90_ms: at(0.9),
    max_ms: at(1),
    lost: trials.reduce((sum, { lost }) => sum + lost, 0),
    stuck: trials.filter(({ outage_ms }) => outage_ms === null).length,
  };
}

function nodeOf(cluster: LocalCluster, id: string): LocalCluster["plan"]["nodes"][number] {
  const node = cluster.plan.nodes.find((candidate) => candidate.id === id);
  if (node === undefined) throw new Error(`${id} is no node of this cluster`);
  return node;
}

export function readFaults(text: string): readonly Fault[] {
  return text.split(",").map((name) => {
    const fault = KNOWN.find((known) => known === name);
    if (fault === undefined)
      throw new UsageError(`--fault ${text}: write ${KNOWN.join(" or ")}, or several with commas`);
    return fault;
  });
}

function describe(done: number, all: number, trial: Trial | undefined): string {
  if (trial?.outage_ms == null || trial.phases === null) return `${done}/${all} ${trial?.fault}: stuck`;
  const { detect_ms, recruit_ms, promote_ms, establish_ms } = trial.phases;
  const unserved = trial.unserved_ms == null ? "" : `, ${trial.unserved_ms} ms since the last acknowledgement`;
  return `${done}/${all} ${trial.fault}: ${trial.outage_ms} ms${unserved} (noticed ${detect_ms}, recruited ${recruit_ms}, promoted ${promote_ms}, first write ${establish_ms}), term ${trial.term}`;
}

function render({ summary }: Result): string {
  return Object.entries(summary)
    .map(
      ([fault, s]) =>
        `${fault}: n ${s.n}, median ${s.median_ms} ms${s.unserved_median_ms == null ? "" : ` from the order and ${s.unserved_median_ms} ms from the last acknowledgement`}, p90 ${s.p90_ms} ms, max ${s.max_ms} ms, lost ${s.lost}, stuck ${s.stuck}`,
    )
    .join("\n");
}

await runBench({ fault: "postmaster,node", trials: "20" }, measure, render);
