import type { TransportEvents, TransportPort } from "../agent/ports.js";
import { assert } from "../core/assert.js";
import type { Sender } from "../core/messages.js";
import type { NodeId } from "../core/ruleset/ruleset.js";
import type { TlsSource } from "../tls/reloaded.js";
import type { ProtocolRange } from "./envelope.js";
import type { Address } from "./messages.js";
import { catchUpResult, changeCohortResponse, followResult, promoteResult, recruitResult } from "./messages.js";
import { handoverResponse, restartResponse, setPauseResponse } from "./orders_codec.js";
import type { PeerAddress } from "./peer_link.js";
import type { TransportLog } from "./peers.js";
import { Peers } from "./peers.js";
import { PeerServer } from "./server.js";

export interface TransportTimings {
  readonly heartbeatMs: number;
  readonly rpcDeadlineMs: number;
  /** Long: the answer waits for a fence and a replay. */
  readonly recruitDeadlineMs: number;
  /** A stream without any message for so long is given up; several heartbeats. */
  readonly silenceMs: number;
}

export interface TransportOptions {
  readonly self: NodeId;
  readonly cluster: string;
  readonly protocol: ProtocolRange;
  readonly listen: { readonly host: string; readonly port: number };
  /** Everybody else who is known from the start; others are learned when they come and say where they are. */
  readonly peers: readonly PeerAddress[];
  /** Where this node is reached: what it tells the others. */
  readonly address: Address;
  /** What this node shows and whom it trusts; null: everything in the clear. */
  readonly tls: TlsSource | null;
  readonly timings: TransportTimings;
  /** Asked for each message: the system identifier appears when the node gets data. */
  readonly sender: () => Sender;
  /** The status of the cluster as this node sees it, as JSON for command lines. */
  readonly snapshot: () => string;
  /** Who led when and why, as JSON for command lines; rejects with the reason when this node cannot tell now. */
  readonly history: () => Promise<string>;
  readonly events: TransportEvents;
  readonly log: TransportLog;
}

export interface Transport extends TransportPort {
  /** Listens, then dials. Rejects with what to do when the port is taken. */
  start(): Promise<void>;
  /** Whether this peer is heard where it says that it is, because the configuration does not name it or names another place. */
  isElsewhere(peer: NodeId): boolean;
  /** The port listened on, which is the configured one unless that is 0. */
  port(): number;
  /** Ends within a bounded time. No event comes after it was called. */
  close(): Promise<void>;
}

export function createTransport(options: TransportOptions): Transport {
  const { self, timings, events, log, sender, snapshot, history, tls } = options;
  const belonging = { cluster: options.cluster, protocol: options.protocol };
  const peers = new Peers({
    self,
    belonging,
    peers: options.peers,
    address: options.address,
    tls,
    timings,
    sender,
    events,
    log,
  });
  const server = new PeerServer({
    self,
    belonging,
    tls,
    log,
    heartbeatMs: timings.heartbeatMs,
    sender,
    snapshot,
    history,
    events,
    watched: (peer, address) => peers.watchedBy(peer, address),
  });
  let port: number | undefined;
  return {
    async start() {
      port = await server.listen(options.listen.host, options.listen.port);
      peers.open();
    },
    port() {
      assert(port !== undefined, "the transport was started");
      return port;
    },
    async close() {
      peers.close();
      await server.close();
    },
    isElsewhere: (peer) => peers.isElsewhere(peer),
    recruit: (to, request) => peers.recruit(to, request),
    promote: (to, request) => peers.promote(to, request),
    catchUp: (to, request) => peers.catchUp(to, request),
    follow: (to, request, credentials) => peers.follow(to, request, credentials),
    answerRecruit: (call, result) => server.answer(call, recruitResult, result),
    answerPromote: (call, result) => server.answer(call, promoteResult, result),
    answerCatchUp: (call, result) => server.answer(call, catchUpResult, result),
    answerFollow: (call, result) => server.answer(call, followResult, result),
    answerChange: (call, result) => server.answer(call, changeCohortResponse, result),
    answerHandover: (call, result) => server.answer(call, handoverResponse, result),
    answerRestart: (call, result) => server.answer(call, restartResponse, result),
    answerPause: (call, result) => server.answer(call, setPauseResponse, result),
    publish: (status) => server.publish({ status, others: peers.reachedBy(status) }),
  };
}
