/**
 * One sidecar: configuration → adapters → loop. With main.ts, the only place that names all adapters.
 */
import { chmod, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { SystemClock } from "./agent/clock.js";
import { historyAnswer } from "./agent/history_answer.js";
import { Loop } from "./agent/loop.js";
import type { Credentials, Ports } from "./agent/ports.js";
import { RecordFile } from "./agent/record_file.js";
import { snapshot } from "./agent/snapshot.js";
import type { ClusterConfig, NodeConfig } from "./config/cluster_config.js";
import { coreTimings } from "./config/derive.js";
import type { Note } from "./core/effects.js";
import type { LeadershipLog } from "./core/leaderships.js";
import { fuseWord } from "./core/lease/left_behind.js";
import type { InitialRuleset } from "./core/ruleset/ruleset.js";
import type { Durable, State } from "./core/state.js";
import { initialState } from "./core/state.js";
import { mayLeave } from "./departing.js";
import { Endpoints, snapshotOptions, timedStore } from "./endpoints.js";
import { handOverFirst } from "./handing_over_first.js";
import { findBinaries } from "./postgres/binaries.js";
import { Fuse } from "./postgres/fuse.js";
import type { LocalPostgres } from "./postgres/local_postgres.js";
import { chooseOsUser } from "./postgres/os_user.js";
import { blindnessTo } from "./postgres/proc_table.js";
import { type Link, localPostgres, rewindFromBytes } from "./postgres_of_node.js";
import { newIdentity, openState, StartRefused } from "./state_of_node.js";
import { CredentialFile } from "./store/credential_file.js";
import { lockDirectory } from "./store/lock.js";
import { isJournal } from "./systemd/journal.js";
import { createLog, type Log } from "./telemetry/log.js";
import { EventMetrics } from "./telemetry/prometheus.js";
import type { ReloadedMaterial } from "./tls/reloaded.js";
import type { Transport } from "./transport/transport.js";
import { openCertificates, transportOf } from "./transport_of_node.js";

const STDERR = 2;

/** What becomes of Postgres when its sidecar is stopped. */
export type Ending = "fence" | "hand_over" | "leave";

export interface Sidecar {
  /**
   * Ends everything of ours: Postgres is fenced, at once or when another node leads, or left running for the next sidecar.
   * The first call counts.
   */
  stop(postgres: Ending): Promise<void>;
  /** Resolves with the reason when the sidecar ended by itself: an invariant broke, or the disk failed. */
  readonly failed: Promise<string>;
}

export interface SidecarOptions {
  /** Where what the core saw and did is recorded; null: nowhere. */
  readonly record: string | null;
  /** Of Quorate itself. */
  readonly version: string;
}

export async function startSidecar(config: ClusterConfig, node: NodeConfig, options: SidecarOptions): Promise<Sidecar> {
  const prefixed = isJournal(process.env.JOURNAL_STREAM, STDERR);
  const log = createLog({ level: node.log.level, base: { cluster: config.cluster, node: node.id }, prefixed });
  const certificates = await openCertificates(config, node, log);
  const ground = await takeGround(config, node);
  const clock = new SystemClock();
  const link: Link = { loop: null, transport: null, fuse: null, clock, observedMs: Number.NEGATIVE_INFINITY };
  let fail: (reason: string) => void = () => undefined;
  const failed = new Promise<string>((resolve) => {
    fail = resolve;
  });
  const postgres = localPostgres({ config, node, ground, link, log });
  const found = await postgres.inspect();
  refuseForeignData(found.present, ground.durable, ground.dataDir);
  const transport = transportOf({
    config,
    node,
    certificates,
    durable: () => link.loop?.state.durable ?? ground.durable,
    loop: () => link.loop,
    credentials: ground.credentials,
    snapshot: () => (link.loop === null ? "{}" : JSON.stringify(snapshot(link.loop.state, snapshotOptions(config)))),
    history: async () => historyText(await postgres.leadershipLog(), link, config),
    log,
  });
  link.transport = transport;
  const state = initialState(coreConfig(config, node, ground, clock), ground.durable, found, clock.nowMs());
  const record = await openRecord(options, state, log);
  const metrics = new EventMetrics({ cluster: config.cluster, node: node.id });
  const ports: Ports = {
    transport,
    postgres,
    // Before it is lit there is nothing that it could be told and would not begin with.
    fuse: { heed: (after) => feed(link, after) },
    store: timedStore({ persist: ground.persist }, metrics),
    clock,
    notes: {
      note: (note: Note) => {
        metrics.note(note);
        log.logger[note.level]({ mark: note.mark, ...note.data }, note.text);
      },
    },
    credentials: () => ground.credentials.current(),
    fatal: (reason) => fail(reason),
  };
  const loop = new Loop(state, ports, record);
  const { binaries, user } = ground;
  log.logger.info(
    { mark: "started", postgres: binaries.version, source: binaries.source, os_user: user.name, pid: process.pid },
    `sidecar of ${node.id} with Postgres ${binaries.version} (${binaries.source})`,
  );
  await transport.start();
  // Until what runs is decided on, nothing is heard and nothing said: a leader that is silent is not one that leads no more.
  link.loop = loop;
  loop.start(found.running);
  const { leading, following } = loop.state.volatile;
  if (leading === null && following === null) await postgres.endUnadopted();
  const fuse = await lightFuse(ground, link, loop, log);
  const endpoints = new Endpoints({
    ...{ config, node, version: options.version, loop, clock, metrics, logger: log.logger },
    observedMs: () => link.observedMs,
    leadershipLog: () => postgres.leadershipLog(),
  });
  await endpoints.start();
  let stopping: Promise<void> | null = null;
  return {
    failed,
    stop: (how) => {
      stopping ??= stopAll(
        { loop, postgres, transport, certificates, endpoints, fuse, clock, ground, log, record },
        how,
      );
      return stopping;
    },
  };
}

/** It is fed by the steps of the loop, not by a timer: one that does not turn leads nobody. */
async function lightFuse(ground: Ground, link: Link, loop: Loop, log: Log): Promise<Fuse> {
  const { dataDir, stateDir, user } = ground;
  const nowMs = () => link.clock.nowMs();
  const warn = (text: string, cause: unknown) => log.logger.warn({ err: cause }, text);
  const fuse = await Fuse.light({ dataDir, stateDir, user, nowMs, warn }, fuseWord(loop.state, nowMs()));
  link.fuse = fuse;
  feed(link, loop.state);
  return fuse;
}

function feed({ fuse, clock }: Link, state: State): void {
  const nowMs = clock.nowMs();
  fuse?.feed(fuseWord(state, nowMs), nowMs);
}

function openRecord({ record }: SidecarOptions, initial: State, log: Log): Promise<RecordFile | null> {
  if (record === null) return Promise.resolve(null);
  return RecordFile.open({ path: record, initial, warn: (text, err) => log.logger.warn({ err }, text) });
}

type Parts = {
  loop: Loop;
  postgres: LocalPostgres;
  transport: Transport;
  endpoints: Endpoints;
  certificates: ReloadedMaterial | null;
  fuse: Fuse;
  clock: SystemClock;
  ground: Ground;
  log: Log;
  record: RecordFile | null;
};

async function stopAll(parts: Parts, asked: Ending): Promise<void> {
  const { loop, postgres, transport, certificates, endpoints, fuse, clock, ground, log, record } = parts;
  if (asked === "hand_over") await handOverFirst({ loop, clock });
  const how =
    asked === "leave" &&
    (await mayLeave({ loop, clock, fuse, ground, warn: (text, err) => log.logger.warn({ err }, text) }))
      ? "leave"
      : "fence";
  // The others hear first-hand that this node leads no more, and elect while its Postgres is being fenced.
  if (how === "fence") loop.deliver({ kind: "shutdown" });
  const told = endpoints.stopping(how === "fence" ? "fences its Postgres and stops" : "stops; its Postgres goes on");
  try {
    await (how === "fence" ? postgres.close() : postgres.leave());
    if (how === "fence") fuse.putOut();
  } finally {
    loop.end();
    await record?.close();
    await told;
    await endpoints.close();
    await transport.close();
    certificates?.close();
    await ground.lock.release();
    log.flush();
  }
}

/** The loop comes last: it needs the adapters, which report to it. */

/** @throws before the loop is there. */
function historyText(log: LeadershipLog, { loop }: Link, { cluster }: ClusterConfig): string {
  if (loop === null) throw new Error("it has only just started");
  return JSON.stringify(historyAnswer(loop.state, log, cluster));
}

/** What one node stands on: its directories, its lock, its word, its Postgres programs. */
type Ground = Awaited<ReturnType<typeof takeGround>>;

async function takeGround(config: ClusterConfig, node: NodeConfig) {
  const stateDir = join(node.data_dir, "state");
  const dataDir = join(node.data_dir, "pgdata");
  await mkdir(stateDir, { recursive: true, mode: 0o711 });
  const locked = await lockDirectory(stateDir);
  if (locked.kind === "refused") throw new StartRefused(locked.message);
  const user = await chooseOsUser({ dataDir });
  const blindness = blindnessTo(user);
  if (blindness !== null) throw new StartRefused(blindness);
  await letThrough(dirname(dataDir));
  const binaries = await findBinaries({ configured: node.postgres.bin_dir, user });
  const { durable, persist } = await openState(config, node, stateDir);
  const credentials = await CredentialFile.open(stateDir, configuredPasswords(node));
  return { stateDir, dataDir, lock: locked.lock, user, binaries, durable, persist, credentials };
}

function coreConfig(config: ClusterConfig, node: NodeConfig, ground: Ground, clock: SystemClock) {
  return {
    self: node.id,
    boot: newIdentity(),
    initial: initialRuleset(config),
    timings: coreTimings(config.timings.detect_ms),
    host: node.host,
    postgresPort: node.postgres.port,
    postgresVersion: ground.binaries.version,
    dataDir: node.data_dir,
    sidecarPid: process.pid,
    unixOffsetMs: Date.now() - clock.nowMs(),
    admitObservers: true,
    rewindFromBytes: rewindFromBytes(),
  };
}

/** The unprivileged user must be able to reach its data through directories that are ours. */
async function letThrough(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o755 });
  if (process.getuid?.() === 0) await chmod(directory, 0o755);
}

function configuredPasswords(node: NodeConfig): Partial<Credentials> {
  const { superuser, replication } = node.postgres;
  return {
    ...(superuser.password === null ? {} : { superuserPassword: superuser.password }),
    ...(replication.password === null ? {} : { replicationPassword: replication.password }),
  };
}

function initialRuleset(config: ClusterConfig): InitialRuleset {
  const nodes = config.nodes.map((n) => ({ id: n.id, labels: n.labels }));
  return { policy: config.policy, nodes, founded: config.founded };
}

/** Never over data: a directory that this node's own word knows nothing of belongs to somebody else. */
function refuseForeignData(present: boolean, durable: Durable, dataDir: string): void {
  if (!present || durable.held || durable.founding > 0n || durable.joining > 0n) return;
  throw new StartRefused(
    `${dataDir} holds a Postgres that this node knows nothing of (its state file is new); nothing was touched. Bring back the state directory that belongs to it, or move the data aside; adopting an existing Postgres is not in this version`,
  );
}
