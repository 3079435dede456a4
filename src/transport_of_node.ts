/**
 * The transport of one node: its certificates, its peers, and how what arrives reaches the loop. Part of the
 * composition root (sidecar.ts).
 */
import type { Loop } from "./agent/loop.js";
import type { TransportEvents } from "./agent/ports.js";
import type { ClusterConfig, NodeConfig } from "./config/cluster_config.js";
import { isLoopback } from "./config/hosts.js";
import type { Durable } from "./core/state.js";
import { StartRefused } from "./state_of_node.js";
import type { CredentialFile } from "./store/credential_file.js";
import type { Log } from "./telemetry/log.js";
import { ReloadedMaterial } from "./tls/reloaded.js";
import { PROTOCOL } from "./transport/envelope.js";
import { createTransport, type Transport } from "./transport/transport.js";

/** @throws StartRefused when a file is missing, or says something that the other nodes would refuse. */
export async function openCertificates(
  config: ClusterConfig,
  node: NodeConfig,
  log: Log,
): Promise<ReloadedMaterial | null> {
  if (node.tls === null) return null;
  const opened = await ReloadedMaterial.open({
    paths: node.tls,
    expected: { cluster: config.cluster, node: node.id },
    nowMs: () => Date.now(),
    log: log.logger,
  });
  if (opened.kind === "opened") return opened.source;
  throw new StartRefused(opened.problems.map(({ file, message }) => `tls.${file}: ${message}`).join("\n"));
}

export interface TransportOfNode {
  readonly config: ClusterConfig;
  readonly node: NodeConfig;
  /** Null: in the clear. */
  readonly certificates: ReloadedMaterial | null;
  readonly durable: () => Durable;
  /** Null until everything it needs is there. */
  readonly loop: () => Loop | null;
  readonly credentials: CredentialFile;
  readonly snapshot: () => string;
  /** Rejects with the reason when this node cannot tell now. */
  readonly history: () => Promise<string>;
  readonly log: Log;
}

export function transportOf(parts: TransportOfNode): Transport {
  const { config, node, certificates, durable, log } = parts;
  const { timings } = config;
  return createTransport({
    self: node.id,
    cluster: config.cluster,
    protocol: PROTOCOL,
    listen: { host: isLoopback(node.host) ? node.host : "::", port: node.port },
    peers: config.nodes.filter((n) => n.id !== node.id).map((p) => ({ id: p.id, host: p.host, port: p.port })),
    address: { host: node.host, port: node.port },
    tls: certificates,
    timings: {
      heartbeatMs: timings.heartbeat_ms,
      rpcDeadlineMs: timings.rpc_deadline_ms,
      recruitDeadlineMs: timings.recruit_deadline_ms,
      silenceMs: timings.status_stale_ms,
    },
    sender: () => {
      const { node: id, incarnation, systemIdentifier } = durable();
      return { node: id, incarnation, systemIdentifier };
    },
    snapshot: parts.snapshot,
    history: parts.history,
    events: transportEvents(parts.loop, parts.credentials, (text, cause) => log.logger.error({ err: cause }, text)),
    log: log.logger,
  });
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
    restart: (call, request) => loop()?.deliver({ kind: "restart", call, request }),
    setPause: (call, paused) => loop()?.deliver({ kind: "set_pause", call, paused }),
    catchUp: (call, from, request) => loop()?.deliver({ kind: "catch_up", call, from, request }),
    catchUpResult: (peer, request, result) => loop()?.deliver({ kind: "catch_up_result", peer, request, result }),
    followResult: (peer, request, result) => loop()?.deliver({ kind: "follow_result", peer, request, result }),
    changeCohort: (call, request) => loop()?.deliver({ kind: "change_cohort", call, request }),
    peerStatus: (peer, status) => loop()?.deliver({ kind: "peer_status", peer, status }),
    peerLost: (peer, reason, refused) => loop()?.deliver({ kind: "peer_lost", peer, reason, refused }),
  };
}
