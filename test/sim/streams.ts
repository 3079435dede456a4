import type { NodeStatus } from "../../src/core/messages.js";
import { timingsFrom } from "../../src/core/timings.js";
import type { Machine } from "./machine.js";
import type { Rng } from "./prng.js";
import type { World } from "./world.js";

/** One node's subscription to another's status. */
interface Stream {
  readonly reader: Machine;
  readonly writer: Machine;
  open: boolean;
  told: boolean;
  /** Raised when the stream is closed: what was under way on it is gone. */
  epoch: number;
  writing: boolean;
  waiting: boolean;
  heardUs: number;
  watched: boolean;
  reopening: boolean;
}

const REOPEN_MIN_US = 50_000;
const REOPEN_MAX_US = 250_000;

/**
 * Statuses travel over streams: in order, the latest wins, nothing is lost but with its stream. A stream that is
 * silent for `detect`, or whose other end died, is lost (the reader is told once) and opened again for ever.
 */
export class Streams {
  private readonly all: Stream[] = [];
  private readonly newest: (NodeStatus | null)[] = [];
  private readonly rng: Rng;
  private readonly silenceUs: number;
  private readonly heartbeatUs: number;

  constructor(private readonly world: World) {
    this.rng = world.rng("streams");
    this.silenceUs = world.config.detectMs * 1000;
    this.heartbeatUs = timingsFrom(world.config.detectMs).heartbeatMs * 1000;
  }

  private of(reader: Machine, writer: Machine): Stream {
    const index = reader.index * this.world.config.nodes + writer.index;
    let stream = this.all[index];
    if (stream === undefined) {
      stream = { reader, writer, ...CLOSED };
      this.all[index] = stream;
    }
    return stream;
  }

  publish(writer: Machine, status: NodeStatus): void {
    this.newest[writer.index] = status;
    writer.publishedUs = this.world.nowUs;
    for (const reader of this.world.machines) if (reader !== writer) this.push(this.of(reader, writer));
  }

  /** The sidecar runs: it subscribes to everybody, and others hear of it. */
  started(machine: Machine): void {
    this.newest[machine.index] = null;
    for (const other of this.world.machines) {
      if (other === machine) continue;
      const own = this.of(machine, other);
      Object.assign(own, CLOSED, { epoch: own.epoch + 1 });
      this.reopen(own);
      // A stream to the process before this one is reset by the first thing sent on it.
      const theirs = this.of(other, machine);
      if (theirs.open) this.lose(theirs, "connection reset");
      else this.reopen(theirs);
    }
    this.beat(machine, machine.boot);
  }

  /** The process is gone; its machine says so to whoever it still reaches, unless it is gone too. */
  ended(machine: Machine): void {
    const { world } = this;
    for (const reader of world.machines) {
      if (reader === machine) continue;
      const stream = this.of(reader, machine);
      if (!machine.powered || !world.network.passes(machine.index, reader.index, "sidecars")) continue;
      const { epoch } = stream;
      world.after(world.network.latencyUs(machine.index, reader.index), () => {
        if (stream.epoch === epoch) this.lose(stream, "connection closed");
      });
    }
  }

  private beat(machine: Machine, boot: number): void {
    this.world.after(machine.publishedUs + this.heartbeatUs - this.world.nowUs, () => {
      if (machine.boot !== boot || machine.loop === null) return;
      machine.whenAwake(() => {
        if (machine.boot !== boot) return;
        if (this.world.nowUs - machine.publishedUs >= this.heartbeatUs) {
          machine.publishedUs = this.world.nowUs;
          for (const reader of this.world.machines) if (reader !== machine) this.push(this.of(reader, machine));
        }
        this.beat(machine, boot);
      });
    });
  }

  private push(stream: Stream): void {
    if (!stream.open) return;
    if (stream.writing) {
      stream.waiting = true;
      return;
    }
    const { reader, writer, epoch } = stream;
    const status = this.newest[writer.index];
    if (status == null) return;
    const { world } = this;
    stream.writing = true;
    world.network.whenPassing(writer.index, reader.index, "sidecars", () =>
      world.after(world.network.latencyUs(writer.index, reader.index), () => {
        if (stream.epoch !== epoch) return;
        stream.writing = false;
        reader.whenAwake(() => {
          if (stream.epoch !== epoch || reader.loop === null) return;
          this.heard(stream);
          reader.deliver({ kind: "peer_status", peer: writer.id, status });
        });
        if (stream.waiting) {
          stream.waiting = false;
          this.push(stream);
        }
      }),
    );
  }

  private heard(stream: Stream): void {
    stream.heardUs = this.world.nowUs;
    stream.told = false;
    this.watch(stream);
  }

  /** One look at each stream's silence at a time; it looks again when the stream was heard meanwhile. */
  private watch(stream: Stream): void {
    if (stream.watched) return;
    stream.watched = true;
    this.world.after(stream.heardUs + this.silenceUs - this.world.nowUs, () => {
      stream.watched = false;
      if (!stream.open || stream.reader.loop === null) return;
      if (this.world.nowUs - stream.heardUs < this.silenceUs) this.watch(stream);
      else this.lose(stream, "silent");
    });
  }

  private lose(stream: Stream, reason: string): void {
    const { reader, writer, told } = stream;
    const epoch = stream.epoch + 1;
    Object.assign(stream, CLOSED, { epoch, told: true, watched: stream.watched });
    if (reader.loop === null) return;
    if (!told) {
      this.world.mark("peer_lost");
      reader.whenAwake(() => reader.deliver({ kind: "peer_lost", peer: writer.id, reason, refused: false }));
    }
    this.reopen(stream);
  }

  private reopen(stream: Stream): void {
    if (stream.open || stream.reopening) return;
    const { reader, writer } = stream;
    const { network } = this.world;
    stream.reopening = true;
    // Dialled again and again in between; only the try that gets through is played.
    network.whenPassing(reader.index, writer.index, "sidecars", () =>
      network.whenPassing(writer.index, reader.index, "sidecars", () =>
        this.world.after(this.rng.between(REOPEN_MIN_US, REOPEN_MAX_US), () => {
          stream.reopening = false;
          // If either end is down, its start opens the stream.
          if (stream.open || reader.loop === null || writer.loop === null) return;
          if (!network.bothWays(reader.index, writer.index, "sidecars")) return this.reopen(stream);
          stream.open = true;
          stream.heardUs = this.world.nowUs;
          this.watch(stream);
          this.push(stream);
        }),
      ),
    );
  }
}

const CLOSED = {
  open: false,
  told: false,
  epoch: 0,
  writing: false,
  waiting: false,
  heardUs: 0,
  watched: false,
  reopening: false,
};
