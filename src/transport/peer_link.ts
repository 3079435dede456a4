import type { Client, ClientReadableStream, ClientUnaryCall, StatusObject } from "@grpc/grpc-js";
import { connectivityState, Metadata, status } from "@grpc/grpc-js";
import type { NodeStatus } from "../core/messages.js";
import type { NodeId } from "../core/ruleset/ruleset.js";
import type { Failure, Reply } from "./channel.js";
import { callUnary, failure, openChannel } from "./channel.js";
import type { RawMethod } from "./raw_service.js";
import { RAW_CONSENSUS } from "./raw_service.js";
import type { DialTls } from "./tls.js";

/**
 * The connection to one peer: unary calls, and the subscription to its status, which is opened again for ever.
 *
 * The subscription is in one of three modes. *Waiting*: no stream, the reopen timer runs (50 to 250 ms).
 * *Opened*: a stream whose first message is awaited. *Up*: a message arrived. Opened and up end in waiting when
 * the stream ends, carries something unreadable, or is silent for `silenceMs`: a half-open connection shows
 * nothing else. A silent connection is replaced, since a new stream on it would be as silent.
 */

export interface PeerAddress {
  readonly id: NodeId;
  readonly host: string;
  readonly port: number;
}

/** Whether two addresses are one, as they are written. */
function samePlace(a: Omit<PeerAddress, "id">, b: Omit<PeerAddress, "id">): boolean {
  return a.host === b.host && a.port === b.port;
}

export type ReadStatus = { readonly ok: true; readonly status: NodeStatus } | ({ readonly ok: false } & Failure);

export interface PeerLinkOptions {
  readonly peer: PeerAddress;
  /** Asked for each connection: certificates change. Null: in the clear. */
  readonly tls: () => DialTls | null;
  readonly silenceMs: number;
  /** The bytes of a Watch request, made afresh for each stream. */
  readonly subscription: () => Buffer;
  readonly read: (bytes: Buffer) => ReadStatus;
  readonly status: (status: NodeStatus) => void;
  /** Once per loss, and again if the peer starts or stops refusing us, or is not trusted for another reason. */
  readonly lost: (failure: Failure) => void;
}

const REOPEN_MIN_MS = 50;
const REOPEN_MAX_MS = 250;
/** Nobody gets another certificate within the second, and each attempt costs both ends a handshake. */
const REOPEN_UNTRUSTED_MS = 2_000;

/** Failures in a row, at one address, after which the other one is tried. */
const TRY_ELSEWHERE_AFTER = 8;

/**
 * A connection attempt into silence is kept for so long, in which the kernel knocks twice (at 0 and 1 s). Each
 * replacement leaves a socket behind until the kernel gives it up after some two minutes: with a shorter patience
 * they would pile up.
 */
const CONNECT_MS = 2_000;

export class PeerLink {
  private channel: Client;
  private channelOpenedMs = performance.now();
  private readonly calls = new Set<ClientUnaryCall>();
  private stream: ClientReadableStream<Buffer> | null = null;
  private up = false;
  private told: Failure | null = null;
  private failures = 0;
  private timer: NodeJS.Timeout | null = null;
  private lastBytes: Buffer | null = null;
  private lastStatus: NodeStatus | null = null;
  private closed = false;
  private first: PeerAddress;
  /** Where the peer says it is, if that is not where it was known to be. */
  private second: PeerAddress | null = null;
  private elsewhere = false;
  /** Where its last status came from. */
  private reached: PeerAddress | null = null;
  /** Since a status came. A hint does not change it, as it does the back-off. */
  private missed = 0;

  constructor(private readonly options: PeerLinkOptions) {
    this.first = options.peer;
    this.channel = this.dial();
  }

  /** The peer says where it is. Tried only once what is known does not work: it may be reached by another way from here. */
  learn({ host, port }: Omit<PeerAddress, "id">): void {
    const { first } = this;
    if (this.second !== null && samePlace(this.second, { host, port })) return;
    this.second = samePlace(first, { host, port }) ? null : { id: first.id, host, port };
    if (this.second === null) this.elsewhere = false;
    else if (!this.up && this.missed >= TRY_ELSEWHERE_AFTER) this.turn();
  }

  /** Where it is was known from others only, and now it says so itself: a place where it was not heard is forgotten. */
  correct({ host, port }: Omit<PeerAddress, "id">): void {
    const heardAt = this.up && !samePlace(this.place, { host, port }) ? this.place : null;
    const same = samePlace(this.place, { host, port });
    this.first = { id: this.first.id, host, port };
    this.second = heardAt;
    this.elsewhere = heardAt !== null;
    if (!same && heardAt === null) this.replaceChannel();
  }

  /** Where it was heard last; null: it never was. */
  get reachedAt(): PeerAddress | null {
    return this.reached;
  }

  /** Where it is dialled now. */
  get place(): PeerAddress {
    return (this.elsewhere ? this.second : null) ?? this.first;
  }

  get isElsewhere(): boolean {
    return this.elsewhere;
  }

  call(method: RawMethod, bytes: Buffer, deadlineMs: number, done: (reply: Reply) => void): void {
    if (this.closed) return;
    const call = callUnary({ channel: this.channel, method, bytes, deadlineMs }, (reply) => {
      this.calls.delete(call);
      if (!this.closed) done(reply);
    });
    this.calls.add(call);
  }

  /** Subscribes. From here on the stream is opened again whenever it ends. */
  open(): void {
    if (this.closed) return;
    this.stopTimer();
    const stream = this.channel.makeServerStreamRequest(
      RAW_CONSENSUS.watch.path,
      RAW_CONSENSUS.watch.requestSerialize,
      RAW_CONSENSUS.watch.responseDeserialize,
      this.options.subscription(),
      new Metadata(),
    );
    this.stream = stream;
    this.timer = setTimeout(() => this.silent(), this.options.silenceMs).unref();
    stream.on("data", (bytes: Buffer) => {
      if (this.stream === stream) this.message(bytes);
    });
    // Every end comes as a status too; an error event without a listener would end the process.
    stream.on("error", () => {});
    stream.on("status", ({ code, details }: StatusObject) => {
      if (this.stream === stream) this.ended(code, details);
    });
  }

  /** The peer showed itself: no reason to wait any longer, or to trust a connection attempt begun before that. */
  hint(): void {
    if (this.closed || this.up) return;
    // A stream that waits for its first message on a fresh or working connection is left alone: two nodes
    // that hint at each other would restart each other's streams without end.
    const stuck = this.connectivity() === connectivityState.CONNECTING && !this.connectingFor(REOPEN_MAX_MS);
    if (this.stream !== null && !stuck) return;
    this.dropStream();
    this.failures = 0;
    this.refreshChannel(REOPEN_MAX_MS);
    this.open();
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.stopTimer();
    this.dropStream();
    this.dropChannel();
  }

  private message(bytes: Buffer): void {
    this.timer?.refresh();
    // A heartbeat repeats the same bytes: nothing to decode, and the receiver sees the very same object.
    if (this.lastStatus === null || this.lastBytes === null || !bytes.equals(this.lastBytes)) {
      const read = this.options.read(bytes);
      if (!read.ok) {
        this.lose(read);
        return;
      }
      this.lastBytes = bytes;
      this.lastStatus = read.status;
    }
    this.up = true;
    this.reached = this.place;
    this.told = null;
    this.failures = 0;
    this.missed = 0;
    this.options.status(this.lastStatus);
  }

  private ended(code: status, details: string): void {
    const stopped = "its sidecar closed the connection, as one does that is being stopped";
    this.lose(code === status.OK ? { kind: "lost", reason: stopped } : failure(code, details));
  }

  private silent(): void {
    // A connection that works must not be kept here, as it would be in refreshChannel: it only seems to work.
    if (!this.connectingFor(CONNECT_MS)) this.replaceChannel();
    this.lose({ kind: "lost", reason: `silent for ${this.options.silenceMs} ms` });
  }

  /** The one way into *waiting*. */
  private lose(failure: Failure): void {
    this.stopTimer();
    this.dropStream();
    this.up = false;
    this.lastBytes = null;
    this.lastStatus = null;
    const untrusted = failure.kind === "untrusted";
    // The library would go on shaking hands at a pace of its own; a fresh channel dials only when it is used.
    if (untrusted) this.replaceChannel();
    const maxMs = untrusted ? REOPEN_UNTRUSTED_MS : REOPEN_MAX_MS;
    const span = Math.min(maxMs, REOPEN_MIN_MS * 2 ** Math.min(this.failures, 8));
    this.failures += 1;
    this.missed += 1;
    if (this.second !== null && this.missed % TRY_ELSEWHERE_AFTER === 0) this.turn();
    // Some jitter, so that nodes that lost each other together do not dial in step for ever.
    const delayMs = Math.max(REOPEN_MIN_MS, span * (0.8 + 0.2 * Math.random()));
    this.timer = setTimeout(() => {
      this.refreshChannel(CONNECT_MS);
      this.open();
    }, delayMs).unref();
    if (!isNews(failure, this.told)) return;
    this.told = failure;
    this.options.lost(failure);
  }

  /** A fresh channel dials at once, where the old one would first sit out a back-off of its own. */
  private refreshChannel(patienceMs: number): void {
    if (this.connectivity() !== connectivityState.READY && !this.connectingFor(patienceMs)) this.replaceChannel();
  }

  /** Whether the channel is dialling, and began less than `patienceMs` ago. */
  private connectingFor(patienceMs: number): boolean {
    return (
      this.connectivity() === connectivityState.CONNECTING && performance.now() - this.channelOpenedMs < patienceMs
    );
  }

  private connectivity(): connectivityState {
    return this.channel.getChannel().getConnectivityState(false);
  }

  private replaceChannel(): void {
    this.dropChannel();
    this.channel = this.dial();
    this.channelOpenedMs = performance.now();
  }

  /** From one address to the other. */
  private turn(): void {
    this.elsewhere = !this.elsewhere;
    this.replaceChannel();
  }

  private dial(): Client {
    const { host, port } = this.place;
    return openChannel({ host, port, tls: this.options.tls() });
  }

  /** Calls still on their way are ended: they would wait for their deadlines on a connection given up. */
  private dropChannel(): void {
    for (const call of this.calls) call.cancel();
    this.calls.clear();
    this.channel.close();
  }

  private dropStream(): void {
    const { stream } = this;
    this.stream = null;
    stream?.cancel();
  }

  private stopTimer(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }
}

/**
 * Whether a failure says more than the one told last. One that is not trusted is also lost now and then, when a
 * connection ends before anybody looked at a certificate: that is no news, or it would be told for ever.
 */
function isNews({ kind, reason }: Failure, told: Failure | null): boolean {
  if (told === null) return true;
  if (kind === "untrusted") return told.kind !== "untrusted" || told.reason !== reason;
  return kind !== told.kind && !(kind === "lost" && told.kind === "untrusted");
}
