/**
 * One sidecar: configuration → adapters → loop. With main.ts, the only place that names all adapters.
 */
import { chmod, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { SystemClock } from "./agent/clock.js";
import { Loop } from "./agent/loop.js";
import type { Credentials, Ports, TransportEvents } from "./agent/ports.js";
import { RecordFile } from "./agent/record_file.js";
import { snapshot } from "./agent/snapshot.js";
import type { ClusterConfig, NodeConfig } from "./config/cluster_config.js";
import { isLoopback } from "./config/hosts.js";
import type { Note } from "./core/effects.js";
import type { InitialRuleset } from "./core/ruleset/ruleset.js";
import type { Durable, State } from "./core/state.js";
import { initialState } from "./core/state.js";
import { timingsFrom } from "./core/timings.js";
import { findBinaries } from "./postgres/binaries.js";
import { LocalPostgres } from "./postgres/local_postgres.js";
import { chooseOsUser } from "./postgres/os_user.js";
import { newIdentity, openState, StartRefused } from "./state_of_node.js";
import { CredentialFile } from "./store/credential_file.js";
import { lockDirectory } from "./store/lock.js";
import { createLog, type Log } from "./telemetry/log.js";
import { PROTOCOL } from "./transport/envelope.js";
import { createTransport, type Transport } from "./transport/transport.js";

/** Replay takes as long as it takes; to end it would only begin it again. */
const REDO_DEADLINE_MS = 24 * 3_600_000;

export interface Sidecar {
  /** Fences Postgres, then ends everything. Idempotent. */
  stop(): Promise<void>;
  /** Resolves with the reason when the sidecar ended by itself: an invariant broke, or the disk failed. */
  readonly failed: Promise<string>;
}

export interface SidecarOptions {
  /** Where what the core saw and did is recorded; null: nowhere. */
  readonly record: string | null;
}

export async function startSidecar(config: ClusterConfig, node: NodeConfig, options: SidecarOptions): Promise<Sidecar> {
  const log = createLog({ level: node.log.level, base: { cluster: config.cluster, node: node.id } });
  const ground = await takeGround(config, node);
  const clock = new SystemClock();
  const link: Link = { loop: null };
  let fail: (reason: string) => void = () => undefined;
  const failed = new Promise<string>((resolve) => {
    fail = resolve;
  });
  const postgres = localPostgres({ config, node, ground, link, log });
  const found = await postgres.inspect();
  refuseForeignData(found.present, ground.durable, ground.dataDir);
  const transport = transportOf({ config, node, ground, link, log });
  const state = initialState(coreConfig(config, node, ground, clock), ground.durable, found, clock.nowMs());
  const record = await openRecord(options, state, log);
  const ports: Ports = {
    transport,
    postgres,
    store: { persist: ground.persist },
    clock,
    notes: { note: (note: Note) => log.logger[note.level]({ mark: note.mark, ...note.data }, note.text) },
    credentials: () => ground.credentials.current(),
    fatal: (reason) => fail(reason),
  };
  const loop = new Loop(state, ports, record);
  link.loop = loop;
  const { binaries, user } = ground;
  log.logger.info(
    { mark: "started", postgres: binaries.version, source: binaries.source, os_user: user.name, pid: process.pid },
    `sidecar of ${node.id} with Postgres ${binaries.version} (${binaries.source})`,
  );
  await transport.start();
  loop.start();
  let stopping: Promise<void> | null = null;
  return {
    failed,
    stop: () => {
      stopping ??= stopAll({ loop, postgres, transport, ground, log, record });
      return stopping;
    },
  };
}

function openRecord({ record }: SidecarOptions, initial: State, log: Log): Promise<RecordFile | null> {
  if (record === null) return Promise.resolve(null);
  return RecordFile.open({ path: record, initial, warn: (text, err) => log.logger.warn({ err }, text) });
}

type Parts = {
  loop: Loop;
  postgres: LocalPostgres;
  transport: Transport;
  ground: Ground;
  log: Log;
  record: RecordFile | null;
};

async function stopAll({ loop, postgres, transport, ground, log, record }: Parts): Promise<void> {
  // The others hear first-hand that this node leads no more, and elect while its Postgres is being fenced.
  loop.deliver({ kind: "shutdown" });
  try {
    await postgres.close();
  } finally {
    loop.end();
    await record?.close();
    await transport.close();
    await ground.lock.release();
    log.flush();
  }
}

/** The loop comes last: it needs the adapters, which report to it. */
interface Link {
  loop: Loop | null;
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
  await letThrough(dirname(dataDir));
  const binaries = await findBinaries({ configured: node.postgres.bin_dir, user });
  const { durable, persist } = await openState(config, node, stateDir);
  const credentials = await CredentialFile.open(stateDir, configuredPasswords(node));
  return { stateDir, dataDir, lock: locked.lock, user, binaries, durable, persist, credentials };
}

interface Wiring {
  readonly config: ClusterConfig;
  readonly node: NodeConfig;
  readonly ground: Ground;
  readonly link: Link;
  readonly log: Log;
}

function localPostgres({ config, node, ground, link, log }: Wiring): LocalPostgres {
  const { superuser, replication, hba, settings, port } = node.postgres;
  return new LocalPostgres({
    self: node.id,
    start: {
      binaries: ground.binaries,
      user: ground.user,
      dataDir: ground.dataDir,
      stateDir: ground.stateDir,
      port,
      listenAddresses: isLoopback(node.host) ? [node.host] : ["*"],
      hba: { superuser: superuser.user, replicationUser: replication.user, userLines: hba },
      userSettings: settings,
      deadlineMs: REDO_DEADLINE_MS,
    },
    report: (report) => link.loop?.deliver({ kind: "postgres", report }),
    timed: (what, ms) =>
      log.logger.debug({ mark: "operation", what, ms: Math.round(ms * 10) / 10 }, `${what} took ${Math.round(ms)} ms`),
    warn: (text, cause) => log.logger.warn({ err: cause }, text),
    credentials: ground.credentials,
    placeOf: (id) => {
      const peer = config.nodes.find((n) => n.id === id);
      return peer === undefined ? null : { host: peer.host, port: peer.postgres.port };
    },
  });
}

function transportOf({ config, node, ground, link, log }: Wiring): Transport {
  const { timings } = config;
  return createTransport({
    self: node.id,
    cluster: config.cluster,
    protocol: PROTOCOL,
    listen: { host: isLoopback(node.host) ? node.host : "::", port: node.port },
    peers: config.nodes.filter((n) => n.id !== node.id).map((p) => ({ id: p.id, host: p.host, port: p.port })),
    timings: {
      heartbeatMs: timings.heartbeat_ms,
      rpcDeadlineMs: timings.rpc_deadline_ms,
      recruitDeadlineMs: timings.recruit_deadline_ms,
      silenceMs: timings.status_stale_ms,
    },
    sender: () => {
      const { node: id, incarnation, systemIdentifier } = link.loop?.state.durable ?? ground.durable;
      return { node: id, incarnation, systemIdentifier };
    },
    snapshot: () => (link.loop === null ? "{}" : JSON.stringify(snapshot(link.loop.state, snapshotOptions(config)))),
    events: transportEvents(
      () => link.loop,
      ground.credentials,
      (text, cause) => log.logger.error({ err: cause }, text),
    ),
    log: log.logger,
  });
}

function coreConfig(config: ClusterConfig, node: NodeConfig, ground: Ground, clock: SystemClock) {
  return {
    self: node.id,
    boot: newIdentity(),
    initial: initialRuleset(config),
    timings: timingsFrom(config.timings.detect_ms),
    host: node.host,
    postgresPort: node.postgres.port,
    postgresVersion: ground.binaries.version,
    dataDir: node.data_dir,
    sidecarPid: process.pid,
    unixOffsetMs: Date.now() - clock.nowMs(),
    // The transport knows only the nodes of the configuration, and refuses a wiped one by name.
    admitObservers: false,
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
  return { policy: config.policy, nodes: config.nodes.map((n) => ({ id: n.id, labels: n.labels })) };
}

function snapshotOptions(config: ClusterConfig) {
  return {
    cluster: config.cluster,
    superuser: config.nodes[0]?.postgres.superuser.user ?? "postgres",
    places: config.nodes.map((n) => ({
      id: n.id,
      host: n.host,
      postgresPort: n.postgres.port,
      labels: n.labels,
      dataDir: n.data_dir,
    })),
  };
}

/** Never over data: a directory that this node's own word knows nothing of belongs to somebody else. */
function refuseForeignData(present: boolean, durable: Durable, dataDir: string): void {
  if (!present || durable.held || durable.founding > 0n || durable.joining > 0n) return;
  throw new StartRefused(
    `${dataDir} holds a Postgres that this node knows nothing of (its state file is new); nothing was touched. Bring back the state directory that belongs to it, or move the data aside; adopting an existing Postgres is not in this version`,
  );
}

function transportEvents(
  loop: () => Loop | null,
  credentials: CredentialFile,
  warn: (text: string, cause: unknown) => void,
): TransportEvents {
  return {
    recruit: (call, from, request) => loop()?.deliver({ kind: "recruit", call, from, request }),
    promote: (call, from, request) => loop()?.deliver({ kind: "promote", call, from, request }),
    follow: (call, from, request, sent) => {
      const deliver = () => loop()?.deliver({ kind: "follow", call, from, request });
      if (sent === null) deliver();
      else
        credentials
          .learn(sent)
          .then(deliver, (error: unknown) =>
            warn("the passwords that came with Follow could not be kept; it is not answered", error),
          );
    },
    recruitResult: (peer, request, result) => loop()?.deliver({ kind: "recruit_result", peer, request, result }),
    promoteResult: (peer, request, result) => loop()?.deliver({ kind: "promote_result", peer, request, result }),
    handover: (kind, call, request) => loop()?.deliver({ kind, call, request }),
    setPause: (call, paused) => loop()?.deliver({ kind: "set_pause", call, paused }),
    catchUp: (call, from, request) => loop()?.deliver({ kind: "catch_up", call, from, request }),
    catchUpResult: (peer, request, result) => loop()?.deliver({ kind: "catch_up_result", peer, request, result }),
    followResult: (peer, request, result) => loop()?.deliver({ kind: "follow_result", peer, request, result }),
    peerStatus: (peer, status) => loop()?.deliver({ kind: "peer_status", peer, status }),
    peerLost: (peer, reason, refused) => loop()?.deliver({ kind: "peer_lost", peer, reason, refused }),
  };
}
