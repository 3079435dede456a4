import { type FileHandle, open, rename } from "node:fs/promises";
import type { Event, Stamp } from "../core/events.js";
import type { Output } from "../core/node.js";
import type { State } from "../core/state.js";
import type { Recorder } from "./record.js";
import { type Happening, RecordEncoder } from "./record_encoder.js";

/** The loop is never slowed: what happened is encoded and written this much later, in one piece. */
const FLUSH_MS = 100;
/** A disk that hangs must not fill the memory; the record ends then, the sidecar goes on. */
const WAITING_MAX = 50_000;
/** A file that is full becomes FILE.1 in the place of the one before: a record never takes much more than twice this. */
const BYTES_MAX = 256 * 1024 * 1024;

export interface RecordFileOptions {
  readonly path: string;
  readonly initial: State;
  /** Recording ended before the sidecar did. */
  readonly warn: (text: string, cause: unknown) => void;
  /** 256 MB by default. */
  readonly bytesMax?: number;
}

/**
 * Appends what a loop does to a file, behind what earlier runs of the sidecar left there. kill -9 loses what was not
 * flushed yet, and may tear the last line.
 */
export class RecordFile implements Recorder {
  private readonly options: RecordFileOptions;
  private readonly encoder: RecordEncoder;
  private file: FileHandle;
  private bytes: number;
  private waiting: Happening[] = [];
  private timer: NodeJS.Timeout | null = null;
  private flushing: Promise<void> = Promise.resolve();
  private closing = false;
  private over = false;

  private constructor(options: RecordFileOptions, file: FileHandle, bytes: number) {
    this.options = options;
    this.encoder = new RecordEncoder(options.initial);
    this.file = file;
    this.bytes = bytes;
  }

  /** @throws when the file cannot be opened or written: a record that was asked for and is not there helps nobody. */
  static async open(options: RecordFileOptions): Promise<RecordFile> {
    const file = await open(options.path, "a+", 0o600);
    const { size } = await file.stat();
    const end = Buffer.alloc(1);
    if (size > 0) await file.read(end, 0, 1, size - 1);
    const torn = size > 0 && end.toString() !== "\n";
    const record = new RecordFile(options, file, size);
    await record.write(`${torn ? "\n" : ""}${record.encoder.begin(false)}`);
    return record;
  }

  stepped(event: Event, stamp: Stamp, output: Output, state: State): void {
    this.add({ kind: "step", event, stamp, output, state });
  }

  broke(event: Event, stamp: Stamp, reason: string): void {
    this.add({ kind: "broke", event, stamp, reason });
  }

  persisted(): void {
    this.add({ kind: "persisted" });
  }

  /** Writes what is left. The loop must have ended. */
  async close(): Promise<void> {
    this.add({ kind: "end" });
    // Behind its end nothing begins anew, however full it is.
    this.closing = true;
    await this.flush();
    this.over = true;
    await this.file.close();
  }

  private add(what: Happening): void {
    if (this.over) return;
    if (this.waiting.length >= WAITING_MAX) return this.giveUp(new Error(`${WAITING_MAX} steps wait to be written`));
    this.waiting.push(what);
    this.timer ??= setTimeout(() => void this.flush(), FLUSH_MS).unref();
  }

  private flush(): Promise<void> {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    // One after the other: lines must not overtake one another.
    this.flushing = this.flushing.then(() => this.writeWaiting()).catch((error: unknown) => this.giveUp(error));
    return this.flushing;
  }

  private async writeWaiting(): Promise<void> {
    if (this.over || this.waiting.length === 0) return;
    const lines = this.waiting.splice(0).map((what) => this.encoder.encode(what));
    await this.write(lines.join(""));
    if (this.bytes >= (this.options.bytesMax ?? BYTES_MAX) && !this.closing) await this.beginAnew();
  }

  /** Between two batches; a step whose word is not on disk yet is then told of in the next file. */
  private async beginAnew(): Promise<void> {
    const { path } = this.options;
    await rename(path, `${path}.1`);
    await this.file.close();
    this.file = await open(path, "a", 0o600);
    this.bytes = 0;
    await this.write(this.encoder.begin(true));
  }

  private async write(text: string): Promise<void> {
    await this.file.appendFile(text);
    this.bytes += Buffer.byteLength(text);
  }

  private giveUp(cause: unknown): void {
    if (this.over) return;
    this.over = true;
    this.waiting = [];
    this.options.warn(`the record ${this.options.path} ends here; the sidecar goes on without it`, cause);
  }
}
