import type { ChannelOptions, ClientUnaryCall, ServiceError } from "@grpc/grpc-js";
import {
  ChannelCredentials,
  Client,
  logVerbosity,
  Metadata,
  ServerCredentials,
  setLogVerbosity,
  status,
} from "@grpc/grpc-js";
import { connectionFault } from "./connection_faults.js";
import { EDGE_LIMITS } from "./edge_limits.js";
import type { RawMethod } from "./raw_service.js";

// The library writes lines of its own to stderr, where our log is JSON. Every fault reaches us as a value as well.
setLogVerbosity(logVerbosity.NONE);

/** What both ends of a connection have in common. TLS will be decided by the two credentials functions alone. */

export function clientCredentials(): ChannelCredentials {
  return ChannelCredentials.createInsecure();
}

export function serverCredentials(): ServerCredentials {
  return ServerCredentials.createInsecure();
}

const CHANNEL_OPTIONS: ChannelOptions = Object.freeze({
  // The library's own bound is 120 s: a peer that came back would not be seen for so long.
  "grpc.initial_reconnect_backoff_ms": 50,
  "grpc.max_reconnect_backoff_ms": 250,
  // Silence is noticed by the subscription, which hears every heartbeat; this is for a channel without one.
  "grpc.keepalive_time_ms": 30_000,
  "grpc.keepalive_timeout_ms": 5_000,
  "grpc.max_receive_message_length": EDGE_LIMITS.messageBytes,
  "grpc.max_send_message_length": EDGE_LIMITS.messageBytes,
  // A repeated Recruit or Promote is the core's decision, never the library's.
  "grpc.enable_retries": 0,
  // Replacing a channel must dial anew instead of finding the half-open connection in a shared pool.
  "grpc.use_local_subchannel_pool": 1,
  "grpc.enable_http_proxy": 0,
  "grpc.service_config_disable_resolution": 1,
  "grpc.enable_channelz": 0,
});

export function openChannel(host: string, port: number): Client {
  return new Client(authority(host, port), clientCredentials(), { ...CHANNEL_OPTIONS });
}

/** `host:port`, with an IPv6 address in brackets. */
export function authority(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

export type Reply =
  | { readonly ok: true; readonly bytes: Buffer }
  /** `refused`: the other side is there and says that we do not belong together. */
  | { readonly ok: false; readonly refused: boolean; readonly reason: string };

export interface UnaryCall {
  readonly channel: Client;
  readonly method: RawMethod;
  readonly bytes: Buffer;
  readonly deadlineMs: number;
}

/** Fails at once while the channel cannot connect, at the deadline otherwise; `done` is called exactly once. */
export function callUnary(
  { channel, method, bytes, deadlineMs }: UnaryCall,
  done: (r: Reply) => void,
): ClientUnaryCall {
  return channel.makeUnaryRequest(
    method.path,
    method.requestSerialize,
    method.responseDeserialize,
    bytes,
    new Metadata(),
    { deadline: Date.now() + deadlineMs },
    (error: ServiceError | null, answer?: Buffer) => {
      if (error === null && answer !== undefined) done({ ok: true, bytes: answer });
      else done({ ok: false, ...failure(error?.code, error?.details) });
    },
  );
}

export interface Failure {
  readonly refused: boolean;
  readonly reason: string;
}

/** One boundary for the library's status codes: what they mean here, as a sentence. */
export function failure(code: status | undefined, details: string | undefined): Failure {
  const detail = details === undefined || details === "" ? "without a reason" : details;
  switch (code) {
    case status.FAILED_PRECONDITION:
      return { refused: true, reason: detail };
    case status.DEADLINE_EXCEEDED:
      return { refused: false, reason: "no answer within the deadline" };
    case status.UNAVAILABLE:
      return { refused: false, reason: connectionFault(detail) };
    case status.CANCELLED:
      return { refused: false, reason: "the connection was given up" };
    case status.UNIMPLEMENTED:
      return { refused: false, reason: "what listens there is no sidecar of this version: check the port" };
    default:
      return { refused: false, reason: detail };
  }
}
