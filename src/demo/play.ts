import type { z } from "zod";
import type { demoShape } from "../cli/schemas.js";
import { LocalCluster } from "./cluster.js";
import type { DemoStatus } from "./cluster_status.js";
import { type Failover, failOver, healAfter, leaderOf } from "./failover.js";
import type { Fault } from "./fault.js";
import type { DemoHome } from "./home.js";
import { Ledger } from "./ledger.js";
import { type ClusterPlan, HOST } from "./plan.js";
import { count, type Progress, shortMs } from "./progress.js";
import { postgresFound } from "./sidecars.js";
import { isClean, judge } from "./verdict.js";
import { createTable, readAllNodes } from "./verify.js";
import { DemoFailed, pause } from "./waiting.js";
import { CLIENTS, Writer } from "./writer.js";

export type DemoReport = z.output<typeof demoShape>;

export interface Stage {
  readonly home: DemoHome;
  readonly plan: ClusterPlan;
  readonly fault: Fault;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

const FORM_MS = 90_000;
const WRITE_BEFORE_MS = 2_000;
const WRITE_AFTER_MS = 1_500;

/** A report of which nothing is known yet; `play` fills it step by step, so that a failure tells how far it got. */
export function blankReport({ home, plan }: Pick<Stage, "home" | "plan">): DemoReport {
  return {
    schema: "quorate.demo/1",
    ok: false,
    dir: home.dir,
    config: home.config,
    uri: null,
    ledger: home.ledger,
    postgres: null,
    nodes: plan.nodes.map(({ id, pgPort, port, httpPort, dataDir }) => ({
      id,
      pg_port: pgPort,
      port,
      http_port: httpPort,
      sidecar_pid: null,
      postmaster_pid: null,
      data_dir: dataDir,
    })),
    writer: { acked: 0, refused: 0, unknown: 0 },
    failover: null,
    rejoin: null,
    verify: null,
    left_behind: [],
  };
}

/** The whole demo but its end: form, write, break, heal, verify. */
export async function play(stage: Stage, report: DemoReport): Promise<void> {
  const cluster = new LocalCluster(stage.home, stage.plan, stage.signal);
  await cluster.writeConfig();
  try {
    await form(stage, cluster, report);
    const ledger = await underLoad(stage, report, (writer) => breakAndHeal(stage, cluster, writer, report));
    await verify(stage, cluster, ledger, report);
  } catch (error) {
    // The logs go away with the directory, and a person who reads of a failure wants them now.
    if (!stage.signal.aborted) stage.progress.line(`\nThe last lines of the logs:\n${await cluster.logTails()}\n`);
    throw error;
  }
}

async function form({ progress, plan, home }: Stage, cluster: LocalCluster, report: DemoReport): Promise<void> {
  const ids = plan.nodes.map(({ id, pgPort }) => `${id} on port ${pgPort}`);
  progress.step(`starting ${ids.length} sidecars, each with a Postgres of its own: ${ids.join(", ")}`);
  cluster.startAll();
  const status = await cluster.untilHealthy("the cluster to form", FORM_MS);
  const first = plan.nodes[0];
  const postgres = first === undefined ? null : await postgresFound(home, first.id);
  report.postgres = postgres === null ? null : { ...postgres };
  remember(report, status);
  progress.step(`${describe(status)}${postgres === null ? "" : `; Postgres ${postgres.version} (${postgres.source})`}`);
  const leader = plan.nodes.find(({ id }) => id === status.leader);
  if (leader === undefined) throw new DemoFailed(`${status.leader} leads, which is no node of this demo`);
  await createTable(leader);
}

/** Runs `work` while the clients write; returns what they were told. */
async function underLoad(
  { home, plan, signal, progress }: Stage,
  report: DemoReport,
  work: (writer: Writer) => Promise<void>,
): Promise<Ledger> {
  const ledger = new Ledger(home.ledger);
  const places = plan.nodes.map(({ pgPort }) => ({ host: HOST, port: pgPort }));
  const writer = new Writer({ places, ledger, clients: CLIENTS });
  progress.step(`${CLIENTS} clients insert into public.demo_ledger, and write down what they are told`);
  writer.start();
  try {
    await pause(WRITE_BEFORE_MS, signal);
    const { acked } = ledger.counts();
    if (acked === 0) throw new DemoFailed(`no write was acknowledged within ${WRITE_BEFORE_MS} ms`);
    progress.step(`${count(acked)} rows acknowledged so far`);
    await work(writer);
    await writer.stop();
    return ledger;
  } finally {
    await writer.abort();
    await ledger.close();
    report.writer = { ...ledger.counts() };
  }
}

async function breakAndHeal(stage: Stage, cluster: LocalCluster, writer: Writer, report: DemoReport): Promise<void> {
  const { progress, fault, signal } = stage;
  const failover = await failOver({
    cluster,
    writer,
    fault,
    signal,
    onStruck: ({ id }, killed) => progress.step(progress.bad(announce(fault, id, killed))),
  });
  report.failover = { ...failover, phases: { ...failover.phases } };
  progress.step(
    `${progress.good(`${failover.new_leader} leads now`)} (term ${failover.term}); writes were out for ${progress.strong(shortMs(failover.outage_ms))}`,
  );
  progress.detail(phaseLine(failover));
  await pause(WRITE_AFTER_MS, signal);
  if (fault === "node") progress.step(`starting the sidecar of ${failover.old_leader} again`);
  const rejoin = await healAfter(cluster, failover);
  report.rejoin = { ...rejoin };
  progress.step(
    rejoin.led_again
      ? `${rejoin.node} itself was elected again, and everybody streams from it`
      : `${rejoin.node} is back and streams (${rejoin.method}, ${shortMs(rejoin.ms)})`,
  );
}

async function verify(stage: Stage, cluster: LocalCluster, ledger: Ledger, report: DemoReport): Promise<void> {
  const { progress, plan, signal } = stage;
  const status = await cluster.untilHealthy("a healthy cluster to verify", FORM_MS);
  remember(report, status);
  progress.step("comparing the ledger with every node, by SQL");
  const verdict = judge(ledger, await readAllNodes(plan.nodes, leaderOf(status).id, signal));
  report.verify = { ...verdict, nodes: verdict.nodes.map((node) => ({ ...node })) };
  report.ok = isClean(verdict);
}

function announce(fault: Fault, id: string, killed: readonly number[]): string {
  return fault === "postmaster"
    ? `kill -9 ${killed.join(" ")}: the postmaster of ${id}, the leader`
    : `kill -9 of all of ${id}, the leader: its sidecar, its postmaster and ${killed.length - 2} children`;
}

function phaseLine({ phases }: Failover): string {
  const { detect_ms, recruit_ms, promote_ms, establish_ms } = phases;
  return `noticed ${shortMs(detect_ms)}, recruited ${shortMs(recruit_ms)}, promoted ${shortMs(promote_ms)}, established and first write ${shortMs(establish_ms)}`;
}

function describe(status: DemoStatus): string {
  const followers = status.nodes.flatMap(({ id }) => (id === status.leader ? [] : [id]));
  return `${status.leader} leads (term ${status.term}), ${followers.join(" and ")} stream`;
}

function remember(report: DemoReport, status: DemoStatus): void {
  report.uri = status.uri;
  report.nodes = report.nodes.map((node) => {
    const entry = status.nodes.find(({ id }) => id === node.id);
    return { ...node, sidecar_pid: entry?.sidecar_pid ?? null, postmaster_pid: entry?.postmaster_pid ?? null };
  });
}
