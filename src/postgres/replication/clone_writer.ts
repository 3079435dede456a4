import { closeSync, fchmodSync, mkdirSync, openSync, writeSync } from "node:fs";
import { open } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { TarSink } from "./tar.js";

const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;
/** The kernel merges what is asked for at once; one after the other, a thousand files take seconds. */
const SYNCS_AT_ONCE = 16;

/** Unpacks below a directory of the data directory, remembering what must be synced. */
export class CloneWriter implements TarSink {
  readonly #root: string;
  readonly #written: Set<string>;
  #file: { readonly fd: number; readonly path: string } | null = null;

  constructor(root: string, written: Set<string>) {
    this.#root = root;
    this.#written = written;
    this.directory("");
  }

  directory(name: string): void {
    const path = join(this.#root, name);
    mkdirSync(path, { recursive: true, mode: DIRECTORY_MODE });
    this.#written.add(path);
  }

  /**
   * Only tablespaces come as links. Their files are unpacked below pg_tblspc itself, as Postgres' in-place tablespaces
   * are: the same path on the same machine would be shared with the node we clone from, or with our own old data.
   */
  link(name: string): void {
    this.directory(name);
  }

  fileStart(name: string): void {
    const path = join(this.#root, name);
    const fd = openSync(path, "wx", FILE_MODE);
    fchmodSync(fd, FILE_MODE);
    this.#file = { fd, path };
    this.#written.add(path);
    this.#written.add(dirname(path));
  }

  data(chunk: Buffer): void {
    if (this.#file === null) throw new Error("data without a file");
    for (let at = 0; at < chunk.length; ) at += writeSync(this.#file.fd, chunk, at);
  }

  fileEnd(): void {
    if (this.#file === null) throw new Error("the end of no file");
    closeSync(this.#file.fd);
    this.#file = null;
  }
}

export async function syncAll(paths: ReadonlySet<string>): Promise<void> {
  const queue = [...paths];
  const worker = async () => {
    for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
      const handle = await open(path, "r");
      try {
        await handle.sync();
      } finally {
        await handle.close();
      }
    }
  };
  await Promise.all(Array.from({ length: SYNCS_AT_ONCE }, worker));
}
