import type { ServerWritableStream } from "@grpc/grpc-js";
import { EDGE_LIMITS } from "./edge_limits.js";

type Stream = ServerWritableStream<Buffer, Buffer>;

/** One stream to a peer. While a write is on its way only the newest status waits behind it. */
interface Watcher {
  readonly stream: Stream;
  writing: boolean;
  ended: boolean;
  waiting: Buffer | null;
}

/**
 * Those who watch this node. Every publish goes to all of them at once; when nothing was published for
 * `heartbeatMs` the last status is repeated, as the same bytes, which the other end recognises without decoding.
 */
export class Watchers {
  private readonly watchers = new Map<string, Watcher>();
  private readonly heartbeat: NodeJS.Timeout;
  private newest: Buffer | null = null;

  constructor(heartbeatMs: number) {
    this.heartbeat = setInterval(() => this.pushAll(), heartbeatMs).unref();
  }

  /** False when too many watch already. A watcher that comes again replaces its old, perhaps half-open, stream. */
  add(key: string, stream: Stream): boolean {
    const before = this.watchers.get(key);
    if (before === undefined && this.watchers.size >= EDGE_LIMITS.watchers) return false;
    if (before !== undefined) end(before);
    const watcher: Watcher = { stream, writing: false, ended: false, waiting: null };
    this.watchers.set(key, watcher);
    const gone = (): void => {
      if (this.watchers.get(key) === watcher) this.watchers.delete(key);
    };
    stream.on("cancelled", gone);
    stream.on("error", gone);
    if (this.newest !== null) push(watcher, this.newest);
    return true;
  }

  publish(bytes: Buffer): void {
    this.newest = bytes;
    this.heartbeat.refresh();
    this.pushAll();
  }

  get size(): number {
    return this.watchers.size;
  }

  close(): void {
    clearInterval(this.heartbeat);
    for (const watcher of this.watchers.values()) end(watcher);
    this.watchers.clear();
  }

  private pushAll(): void {
    if (this.newest === null) return;
    for (const watcher of this.watchers.values()) push(watcher, this.newest);
  }
}

/** A slow reader skips what became old while it was slow. */
function push(watcher: Watcher, bytes: Buffer): void {
  if (watcher.ended) return;
  if (watcher.writing) {
    watcher.waiting = bytes;
    return;
  }
  watcher.writing = true;
  watcher.stream.write(bytes, () => {
    watcher.writing = false;
    const { waiting } = watcher;
    watcher.waiting = null;
    if (waiting !== null) push(watcher, waiting);
  });
}

function end(watcher: Watcher): void {
  watcher.ended = true;
  watcher.stream.end();
}
