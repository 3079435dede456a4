import { createServer } from "node:net";
import type { CallId, TransportEvents } from "../../src/agent/ports.js";
import { POSITION_EMPTY } from "../../src/core/log/position.js";
import type { NodeStatus, Sender } from "../../src/core/messages.js";
import { NEVER_PAUSED } from "../../src/core/orders.js";
import { PROTOCOL } from "../../src/transport/envelope.js";
import type { PeerAddress } from "../../src/transport/peer_link.js";
import type { Transport, TransportOptions } from "../../src/transport/transport.js";
import { createTransport } from "../../src/transport/transport.js";

/** Real transports on loopback, with every event recorded. */

export const HOST = "127.0.0.1";
export const TIMINGS = { heartbeatMs: 50, rpcDeadlineMs: 1_000, recruitDeadlineMs: 5_000, silenceMs: 400 };

export interface Recorded {
  readonly kind: keyof TransportEvents;
  readonly args: readonly unknown[];
  readonly atMs: number;
}

export interface Party {
  readonly id: string;
  readonly transport: Transport;
  readonly recorded: Recorded[];
  of(kind: keyof TransportEvents): readonly Recorded[];
}

const open = new Set<Transport>();

export async function closeAll(): Promise<void> {
  await Promise.all([...open].map((transport) => transport.close()));
  open.clear();
}

export type PartyOptions = Partial<TransportOptions> & {
  readonly id: string;
  readonly port: number;
  readonly peers: readonly PeerAddress[];
  readonly on?: Partial<TransportEvents>;
};

export function party({ id, port, peers, on = {}, ...rest }: PartyOptions): Party {
  const recorded: Recorded[] = [];
  const event =
    (kind: keyof TransportEvents) =>
    (...args: unknown[]): void => {
      recorded.push({ kind, args, atMs: performance.now() });
      (on[kind] as ((...a: unknown[]) => void) | undefined)?.(...args);
    };
  const events: TransportEvents = {
    recruit: event("recruit"),
    promote: event("promote"),
    follow: event("follow"),
    catchUp: event("catchUp"),
    catchUpResult: event("catchUpResult"),
    handover: event("handover"),
    restart: event("restart"),
    setPause: event("setPause"),
    changeCohort: event("changeCohort"),
    recruitResult: event("recruitResult"),
    promoteResult: event("promoteResult"),
    followResult: event("followResult"),
    peerStatus: event("peerStatus"),
    peerLost: event("peerLost"),
  };
  const transport = createTransport({
    self: id,
    cluster: "shop",
    protocol: PROTOCOL,
    listen: { host: HOST, port },
    peers,
    address: { host: HOST, port },
    tls: null,
    timings: TIMINGS,
    sender: () => senderOf(id),
    snapshot: () => `{"asked":"${id}"}`,
    history: () => Promise.reject(new Error("it keeps none")),
    events,
    log: { info: () => {}, warn: () => {} },
    ...rest,
  });
  open.add(transport);
  return { id, transport, recorded, of: (kind) => recorded.filter((entry) => entry.kind === kind) };
}

export function senderOf(node: string): Sender {
  return { node, incarnation: `inc-${node}`, systemIdentifier: null };
}

export function address(id: string, port: number): PeerAddress {
  return { id, host: HOST, port };
}

export const callOf = (entry: Recorded | undefined): CallId => entry?.args[0] as CallId;
export const statusOf = (entry: Recorded | undefined): NodeStatus => entry?.args[1] as NodeStatus;

/** A port that the system gave and that is free again. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  const bound = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (bound === null || typeof bound === "string") throw new Error("no port");
  return bound.port;
}

/** Waits for a condition; fails loudly when it does not come true. Returns how long it took, in ms. */
export async function until(what: string, condition: () => boolean, deadlineMs = 5_000): Promise<number> {
  const startedMs = performance.now();
  while (!condition()) {
    if (performance.now() - startedMs > deadlineMs) throw new Error(`not within ${deadlineMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  return performance.now() - startedMs;
}

export function sampleStatus(node: string, change: Partial<NodeStatus> = {}): NodeStatus {
  return {
    node,
    incarnation: `inc-${node}`,
    boot: "b1",
    systemIdentifier: null,
    initial: "majority; n1{} n2{} n3{}",
    promise: 0n,
    promises: [],
    role: "none",
    term: 0n,
    leader: null,
    established: false,
    checkpointed: false,
    streaming: false,
    position: POSITION_EMPTY,
    rulesets: [],
    voter: true,
    whyNot: null,
    postgres: "stopped",
    ledUntil: 0n,
    suspects: 0n,
    electing: 0n,
    flushLsn: null,
    replayLsn: null,
    quorumLsn: null,
    blocked: null,
    fencedUntil: 0n,
    awayMs: 0,
    awaitsMs: 0,
    leaseAsk: null,
    leaseGrant: null,
    seen: [],
    pause: NEVER_PAUSED,
    change: null,
    enforced: null,
    facts: {
      postgresVersion: null,
      host: HOST,
      postgresPort: 5432,
      labels: {},
      sidecarPid: 1,
      postmasterPid: null,
      dataDir: "data",
      phases: null,
      rejoin: null,
    },
    ...change,
  };
}
