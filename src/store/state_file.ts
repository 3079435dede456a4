import { fsync, open as openFile } from "node:fs";
import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import type { StateIdentity } from "./identity.js";
import { parseState, refuse, type StateCodec, type StateRefusal, serializeState } from "./state_format.js";

const openDescriptor = promisify(openFile);
const syncDescriptor = promisify(fsync);

export const STATE_FILE_NAME = "quorate.state";

export type StateRead<T> =
  /** No file: a node that never promised anything. */
  | { readonly kind: "absent" }
  | { readonly kind: "ok"; readonly identity: StateIdentity; readonly value: T }
  /** Never replaced by us: a promise may stand in it. */
  | { readonly kind: "refused"; readonly refusal: StateRefusal };

export interface StateFileOptions<T> {
  /** The state directory; made, readable by us alone, if it is absent. */
  readonly directory: string;
  readonly cluster: string;
  readonly node: string;
  readonly codec: StateCodec<T>;
}

/**
 * The node's durable word. `read` comes first and must not have been refused; then each `write` replaces the
 * whole file, and only when it resolves is the new state on disk: temp file, fsync, rename, fsync of the directory.
 */
export class StateFile<T> {
  readonly path: string;
  readonly #options: StateFileOptions<T>;
  readonly #temp: string;
  #mayWrite = false;
  #writing = false;
  /** A descriptor kept open, for its fsync, as long as the process lives. */
  #directory: number | null = null;

  constructor(options: StateFileOptions<T>) {
    this.#options = options;
    this.path = join(options.directory, STATE_FILE_NAME);
    this.#temp = `${this.path}.tmp`;
  }

  /** What the disk says. A temp file of a write that a crash cut off was never promised to anybody and is removed. */
  async read(): Promise<StateRead<T>> {
    this.#mayWrite = false;
    let bytes: Buffer;
    try {
      bytes = await readFile(this.path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") {
        const todo = "make it readable for the user that Quorate runs as";
        return refuse("unreadable", `${this.path} cannot be read (${(error as Error).message}); ${todo}`);
      }
      await this.#prepareDirectory();
      return { kind: "absent" };
    }
    const parsed = parseState(this.path, bytes, this.#options.codec);
    if (parsed.kind === "refused") return parsed;
    const { cluster, node } = parsed.identity;
    if (cluster !== this.#options.cluster || node !== this.#options.node) {
      const message = `${this.path} belongs to ${node} of ${cluster}, not to ${this.#options.node} of ${this.#options.cluster}`;
      return refuse("foreign", `${message}; correct data_dir, cluster or --node, or move that directory away`);
    }
    await this.#prepareDirectory();
    return parsed;
  }

  /**
   * Resolves once `value` is durable.
   * @throws Error if another write is under way, or the last `read` was refused or never happened: both are
   * mistakes of the program. Errors of the disk come as they are; the file then still holds the old or the new state.
   */
  async write(identity: StateIdentity, value: T): Promise<void> {
    if (!this.#mayWrite) throw new Error(`${this.path} must be read, and not refused, before it is written`);
    if (this.#writing) throw new Error(`${this.path} is being written; wait for that write before the next`);
    if (identity.cluster !== this.#options.cluster || identity.node !== this.#options.node) {
      throw new Error(
        `${this.path} is for ${this.#options.node} of ${this.#options.cluster}, not for ${identity.node}`,
      );
    }
    const bytes = serializeState(identity, value, this.#options.codec);
    this.#writing = true;
    try {
      await this.#replace(bytes);
    } finally {
      this.#writing = false;
    }
  }

  async #prepareDirectory(): Promise<void> {
    const created = await mkdir(this.#options.directory, { recursive: true, mode: 0o700 });
    await rm(this.#temp, { force: true });
    // A directory that is not durable in its parent takes the first promise along when power fails.
    if (created !== undefined) await syncUpwards(this.#options.directory, dirname(created));
    this.#mayWrite = true;
  }

  /** As few turns of the event loop as it takes: a promise stands in the way of every election. */
  async #replace(bytes: Buffer): Promise<void> {
    this.#directory ??= await openDescriptor(this.#options.directory, "r");
    const temp = await open(this.#temp, "w", 0o600);
    try {
      await temp.writeFile(bytes);
      await temp.sync();
      await rename(this.#temp, this.path);
      await syncDescriptor(this.#directory);
    } finally {
      await temp.close();
    }
  }
}

/** Every directory from `from` up to `top`, both included. */
async function syncUpwards(from: string, top: string): Promise<void> {
  for (let directory = from; ; directory = dirname(directory)) {
    await syncDirectory(directory);
    if (directory === top || directory === dirname(directory)) return;
  }
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
