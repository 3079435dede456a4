/** The Postgres of one node: what it is started with, and how what it reports reaches the loop. Part of the composition root (sidecar.ts). */
import type { SystemClock } from "./agent/clock.js";
import type { Loop } from "./agent/loop.js";
import type { ClusterConfig, NodeConfig } from "./config/cluster_config.js";
import { isLoopback } from "./config/hosts.js";
import { keptSlots } from "./core/kept_slots.js";
import { REWIND_FROM_BYTES } from "./core/limits.js";
import type { Durable } from "./core/state.js";
import { termEvidence } from "./core/term_evidence.js";
import type { Binaries } from "./postgres/binaries.js";
import type { Fuse } from "./postgres/fuse.js";
import { LocalPostgres } from "./postgres/local_postgres.js";
import type { OsUser } from "./postgres/os_user.js";
import { StartRefused } from "./state_of_node.js";
import type { CredentialFile } from "./store/credential_file.js";
import type { Log } from "./telemetry/log.js";
import type { Transport } from "./transport/transport.js";

/** Replay takes as long as it takes; to end it would only begin it again. */
const REDO_DEADLINE_MS = 24 * 3_600_000;

/** What comes into being after Postgres was looked at. */
export interface Link {
  loop: Loop | null;
  transport: Transport | null;
  fuse: Fuse | null;
  readonly clock: SystemClock;
  /** When Postgres was last seen to answer. */
  observedMs: number;
}

interface Wiring {
  readonly config: ClusterConfig;
  readonly node: NodeConfig;
  readonly ground: {
    readonly durable: Durable;
    readonly binaries: Binaries;
    readonly user: OsUser;
    readonly dataDir: string;
    readonly stateDir: string;
    readonly credentials: CredentialFile;
  };
  readonly link: Link;
  readonly log: Log;
}

export function localPostgres({ config, node, ground, link, log }: Wiring): LocalPostgres {
  const { superuser, replication, hba, settings, port } = node.postgres;
  const { max_rate_kb_per_s, at_once, keep_wal_kb } = node.rejoin;
  return new LocalPostgres({
    self: node.id,
    incarnation: ground.durable.incarnation,
    start: {
      binaries: ground.binaries,
      user: ground.user,
      dataDir: ground.dataDir,
      stateDir: ground.stateDir,
      port,
      listenAddresses: isLoopback(node.host) ? [node.host] : ["*"],
      hba: { superuser: superuser.user, replicationUser: replication.user, userLines: hba },
      userSettings: settings,
      slotWalKeepKb: keep_wal_kb,
      deadlineMs: REDO_DEADLINE_MS,
    },
    report: (report) => {
      if (report.kind === "observed") link.observedMs = link.clock.nowMs();
      link.loop?.deliver({ kind: "postgres", report });
    },
    timed: (what, ms) =>
      log.logger.debug({ mark: "operation", what, ms: Math.round(ms * 10) / 10 }, `${what} took ${Math.round(ms)} ms`),
    warn: (text, cause) => log.logger.warn({ err: cause }, text),
    said: (text) => log.logger.info({ mark: "said" }, text),
    rewindFromBytes: rewindFromBytes(),
    clones: { maxRateKbPerS: max_rate_kb_per_s, atOnce: at_once },
    slots: () => (link.loop === null ? null : keptSlots(link.loop.state)),
    evidence: () => (link.loop === null ? null : termEvidence(link.loop.state)),
    credentials: ground.credentials,
    idAt: ({ host, port: at }) =>
      config.nodes.find((n) => n.id !== node.id && n.host === host && n.postgres.port === at)?.id ?? null,
    placeOf: (id) => {
      const peer = config.nodes.find((n) => n.id === id);
      const facts = link.loop?.state.volatile.peers[id]?.status?.facts;
      // It may have come later than this configuration, or have moved, and knows best itself. Else it is reached from here
      // by the way that the file names.
      if (facts !== undefined && (peer === undefined || link.transport?.isElsewhere(id) === true))
        return { host: facts.host, port: facts.postgresPort };
      return peer === undefined ? null : { host: peer.host, port: peer.postgres.port };
    },
  });
}

/** QUORATE_REWIND_FROM_MB: a diverged node that holds so much is rewound, one with less is cloned (DESIGN 5.7). */
export function rewindFromBytes(): number {
  const text = process.env.QUORATE_REWIND_FROM_MB;
  if (text === undefined || text === "") return REWIND_FROM_BYTES;
  if (!/^\d{1,9}$/.test(text)) throw new StartRefused(`QUORATE_REWIND_FROM_MB is no number of megabytes: ${text}`);
  return Number(text) * 2 ** 20;
}
