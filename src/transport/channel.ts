import type { ChannelOptions, ClientUnaryCall, ServiceError } from "@grpc/grpc-js";
import { ChannelCredentials, Client, logVerbosity, Metadata, setLogVerbosity, status } from "@grpc/grpc-js";
import { connectionFault } from "./connection_faults.js";
import { EDGE_LIMITS } from "./edge_limits.js";
import type { RawMethod } from "./raw_service.js";
import { type DialTls, dialCredentials, dialFault, serverName } from "./tls.js";

// The library writes lines of its own to stderr, where our log is JSON. Every fault reaches us as a value as well.
setLogVerbosity(logVerbosity.NONE);

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

export interface Place {
  readonly host: string;
  readonly port: number;
  /** Null: in the clear. */
  readonly tls: DialTls | null;
}

export function openChannel({ host, port, tls }: Place): Client {
  if (tls === null)
    return new Client(authority(host, port), ChannelCredentials.createInsecure(), { ...CHANNEL_OPTIONS });
  return new Client(authority(host, port), dialCredentials(tls), {
    ...CHANNEL_OPTIONS,
    "grpc.ssl_target_name_override": serverName(tls),
  });
}

/** `host:port`, with an IPv6 address in brackets. */
export function authority(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

export type Reply = { readonly ok: true; readonly bytes: Buffer } | ({ readonly ok: false } & Failure);

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
  /**
   * *Refused*: the other side is there and says that we do not belong together. *Untrusted*: one of the two does not
   * believe the other's certificate, so nothing is known of it. *Lost*: everything else.
   */
  readonly kind: "lost" | "refused" | "untrusted";
  readonly reason: string;
}

/** One boundary for the library's status codes: what they mean here, as a sentence. */
export function failure(code: status | undefined, details: string | undefined): Failure {
  const detail = details === undefined || details === "" ? "without a reason" : details;
  switch (code) {
    case status.FAILED_PRECONDITION:
      return { kind: "refused", reason: detail };
    case status.UNAUTHENTICATED:
      return { kind: "untrusted", reason: detail };
    case status.DEADLINE_EXCEEDED:
      return { kind: "lost", reason: "no answer within the deadline" };
    case status.UNAVAILABLE: {
      const untrusted = dialFault(detail);
      if (untrusted !== undefined) return { kind: "untrusted", reason: untrusted };
      return { kind: "lost", reason: connectionFault(detail) };
    }
    case status.CANCELLED:
      return { kind: "lost", reason: "the connection was given up" };
    case status.UNIMPLEMENTED:
      return { kind: "lost", reason: "what listens there is no sidecar of this version: check the port" };
    default:
      return { kind: "lost", reason: detail };
  }
}
