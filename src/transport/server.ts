import type {
  handleUnaryCall,
  ServerUnaryCall,
  ServerWritableStream,
  sendUnaryData,
  UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { Server, status } from "@grpc/grpc-js";
import type { CallId, TransportEvents } from "../agent/ports.js";
import type { NodeStatus, Sender } from "../core/messages.js";
import type { NodeId } from "../core/ruleset/ruleset.js";
import { authority, serverCredentials } from "./channel.js";
import { EDGE_LIMITS } from "./edge_limits.js";
import type { Belonging, Envelope } from "./envelope.js";
import { misdelivery, strangeness } from "./envelope.js";
import type { Decoded } from "./fields.js";
import type { Codec, Parcel } from "./messages.js";
import {
  catchUpRequest,
  followRequest,
  promoteRequest,
  recruitRequest,
  statusRequest,
  statusResponse,
  watchRequest,
  watchUpdate,
} from "./messages.js";
import { OpenCalls } from "./open_calls.js";
import { handoverRequest, setPauseRequest } from "./orders_codec.js";
import { RAW_ADMIN, RAW_CONSENSUS } from "./raw_service.js";
import { Watchers } from "./watchers.js";

export interface PeerServerOptions {
  readonly self: NodeId;
  readonly belonging: Belonging;
  readonly heartbeatMs: number;
  readonly sender: () => Sender;
  readonly snapshot: () => string;
  readonly events: Pick<TransportEvents, "recruit" | "promote" | "catchUp" | "follow" | "handover" | "setPause">;
  /** A peer opened its stream, so it is up and can be dialled. */
  readonly watched: (peer: NodeId) => void;
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
  private closed = false;

  constructor(private readonly options: PeerServerOptions) {
    this.watchers = new Watchers(options.heartbeatMs);
    const { events } = options;
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
      status: this.adminStatus(),
      switchover: this.order(handoverRequest, (call, request) => events.handover("switchover", call, request)),
      failover: this.order(handoverRequest, (call, request) => events.handover("failover", call, request)),
      setPause: this.order(setPauseRequest, (call, paused) => events.setPause(call, paused)),
    };
    this.server.addService(RAW_CONSENSUS, consensus);
    this.server.addService(RAW_ADMIN, admin);
  }

  /** Resolves with the port, which is the given one unless that is 0. */
  async listen(host: string, port: number): Promise<number> {
    const addresses = listenAddresses(host);
    let fault: unknown;
    for (const address of addresses) {
      try {
        return await this.bind(authority(address, port));
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

  publish(newest: NodeStatus): void {
    if (!this.closed) this.watchers.publish(watchUpdate.encode(this.envelope(), newest));
  }

  /** Ends streams and calls with a word, so that peers notice at once; cuts what is left after a moment. */
  close(): Promise<void> {
    if (this.closed) return Promise.resolve();
    this.closed = true;
    this.calls.failAll(`${this.options.self} is stopping`);
    this.watchers.close();
    return new Promise((resolve) => {
      const force = setTimeout(() => {
        this.server.forceShutdown();
        resolve();
      }, CLOSE_MS);
      this.server.tryShutdown(() => {
        clearTimeout(force);
        resolve();
      });
    });
  }

  private bind(address: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.server.bindAsync(address, serverCredentials(), (error, bound) => {
        if (error === null) resolve(bound);
        else reject(error);
      });
    });
  }

  private envelope(): Envelope {
    return { ...this.options.belonging, sender: this.options.sender(), to: null };
  }

  private admit<T>(decoded: Decoded<Parcel<T>>): Admitted<T> {
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
    return { ok: true, from: envelope.sender, body };
  }

  private unary<T>(
    codec: Codec<T>,
    deliver: (call: CallId, from: Sender, body: T) => void,
  ): handleUnaryCall<Buffer, Buffer> {
    return (call, answer) => {
      const admitted = this.admit(codec.decode(call.request));
      if (!admitted.ok) return answer(admitted.fault);
      this.take(call, answer, (id) => deliver(id, admitted.from, admitted.body));
    };
  }

  private watch(stream: ServerWritableStream<Buffer, Buffer>): void {
    const admitted = this.admit(watchRequest.decode(stream.request));
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
    this.options.watched(node);
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

  private adminStatus(): handleUnaryCall<Buffer, Buffer> {
    return (call, answer) => {
      const decoded = statusRequest.decode(call.request);
      if (!decoded.ok) return answer({ code: status.INVALID_ARGUMENT, details: decoded.reason });
      const reason = strangeness(decoded.value.envelope, this.options.belonging);
      if (reason !== undefined) return answer({ code: status.FAILED_PRECONDITION, details: reason });
      answer(null, statusResponse.encode(this.envelope(), this.options.snapshot()));
    };
  }
}

/**
 * A loopback host is bound alone, so that a cluster on one machine is not reachable from outside. Any other host
 * may be a name or an address the machine has only behind a translation: then all interfaces are bound.
 */
function listenAddresses(host: string): string[] {
  if (host === "localhost") return ["127.0.0.1"];
  if (host === "::1" || /^127(\.\d{1,3}){3}$/.test(host)) return [host];
  return ["::", "0.0.0.0"];
}

function listenError(fault: unknown, host: string, port: number, self: NodeId): Error {
  const cause = fault instanceof Error ? fault.message : String(fault);
  if (cause.includes("EADDRINUSE")) {
    return new Error(
      `port ${port} is in use, ${self} cannot listen on it: stop what listens there (another sidecar of ${self}?) or set another \`port\``,
      { cause: fault },
    );
  }
  if (cause.includes("EACCES")) {
    return new Error(`${self} may not listen on port ${port}: set a \`port\` above 1023`, { cause: fault });
  }
  return new Error(`${self} cannot listen on ${authority(host, port)}: ${cause}; check its \`host\` and \`port\``, {
    cause: fault,
  });
}
