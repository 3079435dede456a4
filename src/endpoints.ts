/** What a sidecar shows to those who are not its peers: HTTP, metrics, systemd. Nothing here decides anything. */
import { performance } from "node:perf_hooks";
import type { Loop } from "./agent/loop.js";
import type { ClockPort, StorePort } from "./agent/ports.js";
import { type SnapshotOptions, snapshot } from "./agent/snapshot.js";
import type { ClusterConfig, NodeConfig } from "./config/cluster_config.js";
import { isLoopback } from "./config/hosts.js";
import { type LeadershipLog, leaderships } from "./core/leaderships.js";
import { gaugesText } from "./http/gauges.js";
import { patroniText } from "./http/patroni_metrics.js";
import { answer, type RouteOptions } from "./http/routes.js";
import { HttpServer } from "./http/server.js";
import type { Look, View } from "./http/view.js";
import { LoopSource } from "./status_source.js";
import { ServiceManager } from "./systemd/notify.js";
import { Watchdog } from "./systemd/watchdog.js";
import type { Logger } from "./telemetry/log.js";
import type { EventMetrics } from "./telemetry/prometheus.js";

export interface EndpointsOptions {
  readonly config: ClusterConfig;
  readonly node: NodeConfig;
  readonly version: string;
  readonly loop: Loop;
  readonly clock: ClockPort;
  readonly metrics: EventMetrics;
  /** When Postgres was last seen to answer, by `clock`. */
  readonly observedMs: () => number;
  /** What this node's log holds; rejects when it cannot be asked now. */
  readonly leadershipLog: () => Promise<LeadershipLog>;
  readonly logger: Logger;
}

export class Endpoints {
  private readonly options: EndpointsOptions;
  private readonly source: LoopSource;
  private readonly manager: ServiceManager;
  private readonly watchdog: Watchdog;
  /** Null where the default port is not this node's alone. */
  private readonly http: HttpServer | null;

  constructor(options: EndpointsOptions) {
    this.options = options;
    const { logger, node, config } = options;
    const warn = (text: string) => logger.warn(text);
    this.source = new LoopSource({ ...options, snapshot: (state) => snapshot(state, snapshotOptions(config)) });
    this.manager = new ServiceManager({ env: process.env, pid: process.pid, warn });
    this.watchdog = new Watchdog(this.manager, () => this.line(), warn);
    const { port } = node.http;
    this.http =
      port === null
        ? null
        : new HttpServer({
            host: isLoopback(node.host) ? node.host : "::",
            port,
            answer: (request) => answer(request, this.routes()),
            log: { warn, info: (text) => logger.info(text) },
          });
  }

  /** Once the sidecar serves its peers. */
  async start(): Promise<void> {
    await this.http?.start();
    await this.manager.send({ READY: "1", STATUS: "serves its peers" });
    this.watchdog.start();
  }

  /** At once, before Postgres is fenced, which may take longer than systemd waits for a sign of life. */
  async stopping(): Promise<void> {
    this.watchdog.stop();
    await this.manager.send({ STOPPING: "1", STATUS: "fences its Postgres and stops" });
  }

  async close(): Promise<void> {
    await this.http?.close();
  }

  private routes(): RouteOptions {
    const { config, node, version, leadershipLog, logger } = this.options;
    return {
      source: this.source,
      self: node.id,
      cluster: config.cluster,
      version,
      apiUrlOf: (id) => apiUrl(config.nodes.find((n) => n.id === id)),
      termsBegun: () =>
        leadershipLog().then(
          (log) => leaderships(log, null),
          (error: unknown) => {
            logger.debug({ err: error }, "the history was asked for and its table could not be read");
            return [];
          },
        ),
      metrics: (look, compat) => this.metricsText(look, compat),
    };
  }

  private async metricsText(look: Look, compat: "patroni" | null) {
    const { config, node, version, metrics } = this.options;
    const { user, system } = process.cpuUsage();
    const figures = {
      cpuSeconds: (user + system) / 1e6,
      residentBytes: process.memoryUsage.rss(),
      startedUnixSeconds: performance.timeOrigin / 1000,
    };
    const gauges = await gaugesText(look, figures, {
      cluster: config.cluster,
      node: node.id,
      version,
      nodeVersion: process.versions.node,
    });
    const more = compat === "patroni" && look.kind === "seen" ? await patroniText(look.view, config.cluster) : "";
    return { type: metrics.registry.contentType, body: `${gauges}${await metrics.registry.metrics()}${more}` };
  }

  private async line(): Promise<string | null> {
    const look = await this.source.look();
    return look.kind === "seen" ? describe(look.view) : null;
  }
}

/** For `systemctl status`. */
function describe({ own: { status, leads, alive } }: View): string {
  const postgres = alive ? "Postgres runs" : `Postgres is ${status.postgres}`;
  if (leads) return `leads term ${status.term}, ${postgres}`;
  if (status.role === "leader") return `is becoming the leader of term ${status.term}, ${postgres}`;
  if (status.leader !== null) return `follows ${status.leader} under term ${status.term}, ${postgres}`;
  return `knows no leader, ${postgres}`;
}

function apiUrl(node: NodeConfig | undefined): string | null {
  if (node === undefined || node.http.port === null) return null;
  const host = node.host.includes(":") ? `[${node.host}]` : node.host;
  return `http://${host}:${node.http.port}/patroni`;
}

export function snapshotOptions(config: ClusterConfig): SnapshotOptions {
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

/** The same store, its time taken. */
export function timedStore(store: StorePort, metrics: EventMetrics): StorePort {
  return {
    persist: (durable, done) => {
      const startedMs = performance.now();
      store.persist(durable, (error) => {
        metrics.persisted(performance.now() - startedMs);
        done(error);
      });
    },
  };
}
