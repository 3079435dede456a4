import type {
  handleUnaryCall,
  ServerUnaryCall,
  ServerWritableStream,
  sendUnaryData,
  UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { Server, ServerCredentials, status } from "@grpc/grpc-js";
import type { CallId, TransportEvents } from "../agent/ports.js";
import type { Sender } from "../core/messages.js";
import type { NodeId } from "../core/ruleset/ruleset.js";
import { notNode } from "../tls/identity.js";
import type { TlsSource } from "../tls/reloaded.js";
import { authority } from "./channel.js";
import { EDGE_LIMITS } from "./edge_limits.js";
import type { Belonging, Envelope } from "./envelope.js";
import { misdelivery, strangeness } from "./envelope.js";
import type { Decoded } from "./fields.js";
import { listenAddresses, listenError } from "./listening.js";
import type { Address, Codec, Parcel, Told } from "./messages.js";
import {
  catchUpRequest,
  changeCohortRequest,
  followRequest,
  historyRequest,
  historyResponse,
  promoteRequest,
  recruitRequest,
  statusRequest,
  statusResponse,
  watchRequest,
  watchUpdate,
} from "./messages.js";
import { OpenCalls } from "./open_calls.js";
import { handoverRequest, restartRequest, setPauseRequest } from "./orders_codec.js";
import type { TransportLog } from "./peers.js";
import { RAW_ADMIN, RAW_CONSENSUS } from "./raw_service.js";
import { Refusals } from "./refusals.js";
import { TlsListener } from "./tls_listener.js";
import { Watchers } from "./watchers.js";

type Served = "recruit" | "promote" | "catchUp" | "follow" | "handover" | "restart" | "setPause" | "changeCohort";

export interface PeerServerOptions {
  readonly self: NodeId;
  readonly belonging: Belonging;
  /** Null: whoever reaches the port is taken at its word. */
  readonly tls: TlsSource | null;
  readonly log: TransportLog;
  readonly heartbeatMs: number;
  readonly sender: () => Sender;
  readonly snapshot: () => string;
  readonly history: () => Promise<string>;
  readonly events: Pick<TransportEvents, Served>;
  /** A peer opened its stream, so it is up and can be dialled; at this address, if it says so. */
  readonly watched: (peer: NodeId, address: Address | null) => void;
}

/** How long answers and the ends of streams may take to get out before the connections are cut. */
const CLOSE_MS = 300;

const SERVER_OPTIONS = Object.freeze({
  "grpc.max_concurrent_streams": EDGE_LIMITS.streamsPerConnection,
  "grpc.max_receive_message_length": EDGE_LIMITS.messageBytes,
  "grpc.max_send_message_length": EDGE_LIMITS.messageBytes,
  // Frees the streams of a peer whose machine is gone without a word.
  "grpc.keepalive_time_ms": 15_000,
  "grpc.keepalive_timeout_ms": 3_000,
  "grpc.enable_channelz": 0,
});

/** A call, as far as it says who is at the other end of its connection. */
interface Authenticated {
  getAuthContext(): { readonly sslPeerCertificate?: { readonly subjectaltname?: string } };
}

interface Fault {
  readonly code: status;
  readonly details: string;
}

type Admitted<T> =
  | { readonly ok: true; readonly from: Sender; readonly body: T }
  | { readonly ok: false; readonly fault: Fault };

/** The listening half: takes calls in, refuses what does not belong here, answers by call id, feeds the watchers. */
export class PeerServer {
  private readonly server = new Server({ ...SERVER_OPTIONS });
  private readonly calls = new OpenCalls();
  private readonly watchers: Watchers;
  private readonly listener: TlsListener | null;
  private readonly refusals: Refusals;
  private closed = false;

  constructor(private readonly options: PeerServerOptions) {
    this.watchers = new Watchers(options.heartbeatMs);
    this.refusals = new Refusals(options.log);
    const { events, self, belonging, tls } = options;
    const consensus: UntypedServiceImplementation = {
      recruit: this.unary(recruitRequest, (call, from, request) => events.recruit(call, from, request)),
      promote: this.unary(promoteRequest, (call, from, request) => events.promote(call, from, request)),
      catchUp: this.unary(catchUpRequest, (call, from, request) => events.catchUp(call, from, request)),
      follow: this.unary(followRequest, (call, from, { request, credentials }) =>
        events.follow(call, from, request, credentials),
      ),
      watch: (stream: ServerWritableStream<Buffer, Buffer>) => this.watch(stream),
    };
    const admin: UntypedServiceImplementation = {
      status: this.admin(statusRequest, statusResponse, options.snapshot),
      history: this.admin(historyRequest, historyResponse, options.history),
      switchover: this.order(handoverRequest, (call, request) => events.handover("switchover", call, request)),
      failover: this.order(handoverRequest, (call, request) => events.handover("failover", call, request)),
      restart: this.order(restartRequest, (call, request) => events.restart(call, request)),
      setPause: this.order(setPauseRequest, (call, paused) => events.setPause(call, paused)),
      changeCohort: this.order(changeCohortRequest, (call, request) => events.changeCohort(call, request)),
    };
    this.server.addService(RAW_CONSENSUS, consensus);
    this.server.addService(RAW_ADMIN, admin);
    this.listener =
      tls === null
        ? null
        : new TlsListener({
            self,
            cluster: belonging.cluster,
            source: tls,
            injector: this.server.createConnectionInjector(ServerCredentials.createInsecure()),
            refused: (address, reason) => this.refusals.tell(address, reason),
          });
  }

  /** Resolves with the port, which is the given one unless that is 0. */
  async listen(host: string, port: number): Promise<number> {
    const addresses = listenAddresses(host);
    let fault: unknown;
    for (const address of addresses) {
      try {
        return await (this.listener?.listen(address, port) ?? this.bind(authority(address, port)));
      } catch (error) {
        fault = error;
        // Only a machine without IPv6 is a reason to try the next address.
        if (!/EAFNOSUPPORT|EADDRNOTAVAIL/.test(String(error))) break;
      }
    }
    throw listenError(fault, host, port, this.options.self);
  }

  answer<T>(call: CallId, codec: Codec<T>, body: T): void {
    this.calls.answer(call, () => codec.encode(this.envelope(), body));
  }

  publish(newest: Told): void {
    if (!this.closed) this.watchers.publish(watchUpdate.encode(this.envelope(), newest));
  }

  /** Ends streams and calls with a word, so that peers notice at once; cuts what is left after a moment. */
  close(): Promise<void> {
    if (this.closed) return Promise.resolve();
    this.closed = true;
    this.calls.failAll(`${this.options.self} is stopping`);
    this.watchers.close();
    this.listener?.close();
    return new Promise((resolve) => {
      const ended = (): void => {
        this.listener?.cut();
        resolve();
      };
      const force = setTimeout(() => {
        this.server.forceShutdown();
        ended();
      }, CLOSE_MS);
      this.server.tryShutdown(() => {
        clearTimeout(force);
        ended();
      });
    });
  }

  private bind(address: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.server.bindAsync(address, ServerCredentials.createInsecure(), (error, bound) => {
        if (error === null) resolve(bound);
        else reject(error);
      });
    });
  }

  private envelope(): Envelope {
    return { ...this.options.belonging, sender: this.options.sender(), to: null };
  }

  private admit<T>(call: Authenticated, decoded: Decoded<Parcel<T>>): Admitted<T> {
    if (!decoded.ok) return { ok: false, fault: { code: status.INVALID_ARGUMENT, details: decoded.reason } };
    const { envelope, body } = decoded.value;
    const reason = strangeness(envelope, this.options.belonging) ?? misdelivery(envelope, this.options.self);
    if (reason !== undefined) return { ok: false, fault: { code: status.FAILED_PRECONDITION, details: reason } };
    if (envelope.sender === null) {
      return {
        ok: false,
        fault: { code: status.INVALID_ARGUMENT, details: "malformed envelope: the sender is missing" },
      };
    }
    const impostor = this.impostor(call, envelope.sender.node);
    if (impostor !== undefined) return { ok: false, fault: { code: status.FAILED_PRECONDITION, details: impostor } };
    return { ok: true, from: envelope.sender, body };
  }

  /** Why the other end of the connection is not the node that the message names as its sender. */
  private impostor(call: Authenticated, sender: NodeId): string | undefined {
    const { tls, belonging } = this.options;
    if (tls === null) return undefined;
    let names: string | undefined;
    try {
      names = call.getAuthContext().sslPeerCertificate?.subjectaltname;
    } catch {
      // The session of a connection that was just cut throws; nobody is left to hear an answer.
      return "the connection is gone";
    }
    const other = notNode(names, belonging.cluster, sender);
    if (other === undefined) return undefined;
    const reason = `the message says that it is from ${sender}, and the certificate ${other}`;
    this.refusals.tell(`a call for ${sender}`, reason);
    return reason;
  }

  private unary<T>(
    codec: Codec<T>,
    deliver: (call: CallId, from: Sender, body: T) => void,
  ): handleUnaryCall<Buffer, Buffer> {
    return (call, answer) => {
      const admitted = this.admit(call, codec.decode(call.request));
      if (!admitted.ok) return answer(admitted.fault);
      this.take(call, answer, (id) => deliver(id, admitted.from, admitted.body));
    };
  }

  private watch(stream: ServerWritableStream<Buffer, Buffer>): void {
    const admitted = this.admit(stream, watchRequest.decode(stream.request));
    if (!admitted.ok) {
      stream.emit("error", admitted.fault);
      return;
    }
    const { node, incarnation } = admitted.from;
    if (this.closed || !this.watchers.add(`${node}/${incarnation}`, stream)) {
      const details = this.closed ? `${this.options.self} is stopping` : `${this.options.self} has too many watchers`;
      stream.emit("error", { code: status.UNAVAILABLE, details });
      return;
    }
    this.options.watched(node, admitted.body);
  }

  /** Of an operator: whoever may talk to the sidecars may order. */
  private order<T>(codec: Codec<T>, deliver: (call: CallId, body: T) => void): handleUnaryCall<Buffer, Buffer> {
    return (call, answer) => {
      const decoded = codec.decode(call.request);
      if (!decoded.ok) return answer({ code: status.INVALID_ARGUMENT, details: decoded.reason });
      const { envelope, body } = decoded.value;
      const { belonging, self } = this.options;
      const lost = envelope.to !== self ? misdelivery(envelope, self) : undefined;
      const reason = strangeness(envelope, belonging) ?? lost;
      if (reason !== undefined) return answer({ code: status.FAILED_PRECONDITION, details: reason });
      this.take(call, answer, (id) => deliver(id, body));
    };
  }

  private take(
    call: ServerUnaryCall<Buffer, Buffer>,
    answer: sendUnaryData<Buffer>,
    deliver: (id: CallId) => void,
  ): void {
    if (this.closed) return answer({ code: status.UNAVAILABLE, details: `${this.options.self} is stopping` });
    const id = this.calls.open(call, answer);
    if (id === undefined) {
      const details = `${this.options.self} has ${EDGE_LIMITS.openCalls} calls to answer already: try again later`;
      return answer({ code: status.RESOURCE_EXHAUSTED, details });
    }
    deliver(id);
  }

  /** For command lines: whoever asks belongs to the cluster, and need not be a node of it. */
  private admin(
    request: Codec<null>,
    response: Codec<string>,
    body: () => string | Promise<string>,
  ): handleUnaryCall<Buffer, Buffer> {
    return async (call, answer) => {
      const decoded = request.decode(call.request);
      if (!decoded.ok) return answer({ code: status.INVALID_ARGUMENT, details: decoded.reason });
      const reason = strangeness(decoded.value.envelope, this.options.belonging);
      if (reason !== undefined) return answer({ code: status.FAILED_PRECONDITION, details: reason });
      let json: string;
      try {
        json = await body();
      } catch (error) {
        const details = error instanceof Error ? error.message : String(error);
        return answer({ code: status.FAILED_PRECONDITION, details });
      }
      answer(null, response.encode(this.envelope(), json));
    };
  }
}
