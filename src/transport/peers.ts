import type { Credentials, TransportEvents, Unreachable } from "../agent/ports.js";
import { assert } from "../core/assert.js";
import { TERM_NONE } from "../core/log/position.js";
import type {
  CatchUpRequest,
  FollowRequest,
  NodeStatus,
  PromoteRequest,
  RecruitRequest,
  Refusal,
  Sender,
} from "../core/messages.js";
import type { NodeId } from "../core/ruleset/ruleset.js";
import { memberOf } from "../core/ruleset/ruleset.js";
import type { TlsSource } from "../tls/reloaded.js";
import type { Reply } from "./channel.js";
import { EDGE_LIMITS } from "./edge_limits.js";
import type { Belonging, Envelope } from "./envelope.js";
import { strangeness } from "./envelope.js";
import type { Address, Codec, Told } from "./messages.js";
import {
  catchUpRequest,
  catchUpResult,
  followRequest,
  followResult,
  promoteRequest,
  promoteResult,
  recruitRequest,
  recruitResult,
  watchRequest,
  watchUpdate,
} from "./messages.js";
import type { PeerAddress, ReadStatus } from "./peer_link.js";
import { PeerLink } from "./peer_link.js";
import type { RawMethod } from "./raw_service.js";
import { RAW_CONSENSUS } from "./raw_service.js";

/** The logger, in pino's shape: fields first, then a sentence. */
export interface TransportLog {
  info(fields: object, sentence: string): void;
  warn(fields: object, sentence: string): void;
}

export interface PeersOptions {
  readonly self: NodeId;
  readonly belonging: Belonging;
  readonly peers: readonly PeerAddress[];
  /** Of this node. */
  readonly address: Address;
  /** Null: in the clear. */
  readonly tls: TlsSource | null;
  readonly timings: { readonly rpcDeadlineMs: number; readonly recruitDeadlineMs: number; readonly silenceMs: number };
  readonly sender: () => Sender;
  readonly events: Omit<TransportEvents, "recruit" | "promote" | "catchUp" | "follow">;
  readonly log: TransportLog;
}

type Refused = { readonly ok: false; readonly refusal: Refusal };

interface Exchange<Q, A> {
  readonly method: RawMethod;
  readonly request: Codec<Q>;
  readonly answer: Codec<A>;
  readonly deadlineMs: number;
}

/** Those of these places whose nodes a ruleset of this status names. */
function placesNamed({ rulesets }: NodeStatus, places: readonly PeerAddress[]): PeerAddress[] {
  return places.filter(({ id }) =>
    rulesets.some(({ ruleset }) => ruleset !== null && memberOf(ruleset, id) !== undefined),
  );
}

/** The dialling half: one link to each peer. Every request ends in exactly one result, whatever happens. */
export class Peers {
  private readonly links = new Map<NodeId, PeerLink>();
  /** Those of whom only others have said where they are: the least that may be known of an address. */
  private readonly hearsay = new Set<NodeId>();
  private closed = false;

  constructor(private readonly options: PeersOptions) {
    for (const peer of options.peers) {
      assert(peer.id !== options.self, `${options.self} is no peer of itself`);
      this.links.set(peer.id, this.link(peer));
    }
  }

  open(): void {
    for (const link of this.links.values()) link.open();
  }

  /**
   * A peer watches this node, so it is up. One that no configuration names is dialled where it says it is: that is how a
   * node that joins becomes known. Of one that is known it is a second address, for when it moved to another host.
   */
  watchedBy(peer: NodeId, address: Address | null): void {
    const known = this.links.get(peer);
    if (known !== undefined) {
      if (address !== null && this.hearsay.delete(peer)) known.correct(address);
      else if (address !== null) known.learn(address);
      return known.hint();
    }
    if (address !== null && this.hasRoom()) this.dial({ id: peer, ...address });
  }

  /**
   * A peer says where others are that its rulesets name. Of two nodes that joined, neither need name the other in its
   * configuration: each learns of the other by those who know both, and at the other end the name is held against what is
   * shown there. A second word for it is tried in turn with the first; what a node said of itself, or a configuration, stands.
   */
  private told({ status, others }: Told): void {
    for (const place of placesNamed(status, others)) {
      if (place.id === this.options.self || place.id === status.node) continue;
      const known = this.links.get(place.id);
      if (known !== undefined && this.hearsay.has(place.id)) known.learn(place);
      if (known !== undefined || !this.hasRoom()) continue;
      this.hearsay.add(place.id);
      this.options.log.info(
        { peer: place.id, by: status.node },
        `${status.node} says where ${place.id} is: it is dialled`,
      );
      this.dial(place);
    }
  }

  /** Where those were heard whom the rulesets of this status name: for peers that know less. */
  reachedBy(status: NodeStatus): PeerAddress[] {
    const reached = [...this.links.values()].flatMap((link) => (link.reachedAt === null ? [] : [link.reachedAt]));
    return placesNamed(status, reached).slice(0, EDGE_LIMITS.members);
  }

  private hasRoom(): boolean {
    return !this.closed && this.links.size < EDGE_LIMITS.members;
  }

  private dial(peer: PeerAddress): void {
    const link = this.link(peer);
    this.links.set(peer.id, link);
    link.open();
  }

  isElsewhere(peer: NodeId): boolean {
    return this.links.get(peer)?.isElsewhere ?? false;
  }

  recruit(to: NodeId, request: RecruitRequest): void {
    const { recruitDeadlineMs: deadlineMs } = this.options.timings;
    const exchange = { method: RAW_CONSENSUS.recruit, request: recruitRequest, answer: recruitResult, deadlineMs };
    this.exchange(to, exchange, request, (result) => this.options.events.recruitResult(to, request, result));
  }

  promote(to: NodeId, request: PromoteRequest): void {
    const { rpcDeadlineMs: deadlineMs } = this.options.timings;
    const exchange = { method: RAW_CONSENSUS.promote, request: promoteRequest, answer: promoteResult, deadlineMs };
    this.exchange(to, exchange, request, (result) => this.options.events.promoteResult(to, request, result));
  }

  /** Long, like a recruitment: the answer waits for the log. Asked again under the same attempt, it waits for the same. */
  catchUp(to: NodeId, request: CatchUpRequest): void {
    const { recruitDeadlineMs: deadlineMs } = this.options.timings;
    const exchange = { method: RAW_CONSENSUS.catchUp, request: catchUpRequest, answer: catchUpResult, deadlineMs };
    this.exchange(to, exchange, request, (result) => this.options.events.catchUpResult(to, request, result));
  }

  follow(to: NodeId, request: FollowRequest, credentials: Credentials | null): void {
    const { rpcDeadlineMs: deadlineMs } = this.options.timings;
    const exchange = { method: RAW_CONSENSUS.follow, request: followRequest, answer: followResult, deadlineMs };
    const done = this.options.events;
    this.exchange(to, exchange, { request, credentials }, (result) => done.followResult(to, request, result));
  }

  close(): void {
    this.closed = true;
    for (const link of this.links.values()) link.close();
  }

  private exchange<Q, A>(
    to: NodeId,
    e: Exchange<Q, A>,
    body: Q,
    done: (result: A | Refused | Unreachable) => void,
  ): void {
    assert(to !== this.options.self, `${to} sends nothing to itself: its own answer is the loop's affair`);
    const link = this.links.get(to);
    if (link === undefined) {
      const reason = `no address of ${to} is known: add it to the configuration of ${this.options.self}`;
      // Results never come before the request returned: the loop is in the middle of a step.
      setImmediate(() => {
        if (!this.closed) done({ ok: "unreachable", reason });
      });
      return;
    }
    const bytes = e.request.encode(this.envelope(to), body);
    link.call(e.method, bytes, e.deadlineMs, (reply) => done(this.result(to, e.answer, reply)));
  }

  private result<A>(from: NodeId, codec: Codec<A>, reply: Reply): A | Refused | Unreachable {
    if (!reply.ok && reply.kind === "refused") {
      return {
        ok: false,
        refusal: { code: "foreign_cluster", reason: `${from} says: ${reply.reason}`, promise: TERM_NONE },
      };
    }
    if (!reply.ok) return { ok: "unreachable", reason: `${from}: ${reply.reason}` };
    const decoded = codec.decode(reply.bytes);
    if (!decoded.ok) return { ok: "unreachable", reason: `${from} sent a ${decoded.reason}` };
    const fault = this.impostor(from, decoded.value.envelope);
    if (fault !== undefined) return { ok: "unreachable", reason: fault };
    return decoded.value.body;
  }

  private link(peer: PeerAddress): PeerLink {
    const { timings, events, log, tls, belonging } = this.options;
    return new PeerLink({
      peer,
      tls: () => (tls === null ? null : { cluster: belonging.cluster, expected: peer.id, material: tls.current() }),
      silenceMs: timings.silenceMs,
      subscription: () => watchRequest.encode(this.envelope(peer.id), this.options.address),
      read: (bytes) => this.readStatus(peer.id, bytes),
      status: (status) => events.peerStatus(peer.id, status),
      lost: ({ kind, reason }) => {
        const fields = { peer: peer.id, reason };
        if (kind === "refused") log.warn(fields, `${peer.id} refuses this node`);
        else if (kind === "untrusted") log.warn({ mark: "untrusted", ...fields }, `no connection with ${peer.id}`);
        else log.info(fields, `no status from ${peer.id}`);
        events.peerLost(peer.id, reason, kind === "refused");
      },
    });
  }

  private readStatus(peer: NodeId, bytes: Buffer): ReadStatus {
    const decoded = watchUpdate.decode(bytes);
    if (!decoded.ok) return { ok: false, kind: "lost", reason: `${peer} sent a ${decoded.reason}` };
    const { envelope, body } = decoded.value;
    const fault = this.impostor(peer, envelope);
    if (fault !== undefined) return { ok: false, kind: "refused", reason: fault };
    const { status } = body;
    if (status.node !== peer) return { ok: false, kind: "lost", reason: `${peer} sent the status of ${status.node}` };
    this.told(body);
    return { ok: true, status };
  }

  /** The other end checks what it is sent, so this only shows where a proxy or a bug mixes up answers. */
  private impostor(expected: NodeId, envelope: Envelope): string | undefined {
    const from = envelope.sender?.node;
    if (from !== expected) return `${from ?? "nobody"} answers at the address of ${expected}`;
    const reason = strangeness(envelope, this.options.belonging);
    return reason === undefined ? undefined : `the answer of ${expected} is refused: ${reason}`;
  }

  private envelope(to: NodeId): Envelope {
    return { ...this.options.belonging, sender: this.options.sender(), to };
  }
}
