import { closeSync, mkdirSync, openSync, symlinkSync, writeSync } from "node:fs";
import { open } from "node:fs/promises";
import { dirname, join } from "node:path";
import { TarDamaged, type TarSink } from "./tar.js";

const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;
/** The kernel merges what is asked for at once; one after the other, a thousand files take seconds. */
const SYNCS_AT_ONCE = 16;
const TABLESPACE_LINK = /^pg_tblspc\/(\d+)$/;

export interface CloneWriterOptions {
  readonly dataDir: string;
  /**
   * Tablespaces go to a directory of this clone alone. At the leader's path they would be shared with a node on the same
   * machine, or overwrite our own old data. Inside the data directory they cannot be: Postgres PANICs at directories in
   * pg_tblspc, an absolute link does not survive the swap, and base backups silently leave out what a relative one leads to.
   */
  readonly tablespacesDir: string;
  /** The oid of the tablespace that an archive holds; null for the data directory itself. */
  readonly tablespace: string | null;
  /** Collects what must be synced in the end. */
  readonly written: Set<string>;
}

/** Unpacks one archive of a base backup. The child has a umask of 077, so modes are what is asked for. */
export class CloneWriter implements TarSink {
  readonly #options: CloneWriterOptions;
  readonly #root: string;
  #fd: number | null = null;

  constructor(options: CloneWriterOptions) {
    this.#options = options;
    const { dataDir, tablespacesDir, tablespace } = options;
    this.#root = tablespace === null ? dataDir : join(tablespacesDir, tablespace);
    // What is around these two is synced by the sidecar: the user of this process may not even see it.
    mkdirSync(this.#root, { recursive: true, mode: DIRECTORY_MODE });
    options.written.add(this.#root);
    if (tablespace !== null) options.written.add(tablespacesDir);
  }

  directory(name: string): void {
    this.#makeDirectory(join(this.#root, name));
  }

  link(name: string): void {
    const oid = TABLESPACE_LINK.exec(name)?.[1];
    if (oid === undefined) throw new TarDamaged(`${name} is a link, and Postgres sends links for tablespaces only`);
    const target = join(this.#options.tablespacesDir, oid);
    this.#makeDirectory(target);
    symlinkSync(target, join(this.#root, name));
  }

  fileStart(name: string): void {
    const path = join(this.#root, name);
    this.#fd = openSync(path, "wx", FILE_MODE);
    this.#options.written.add(path);
  }

  data(chunk: Buffer): void {
    if (this.#fd === null) throw new Error("data without a file");
    for (let at = 0; at < chunk.length; ) at += writeSync(this.#fd, chunk, at);
  }

  fileEnd(): void {
    if (this.#fd !== null) closeSync(this.#fd);
    this.#fd = null;
  }

  #makeDirectory(path: string): void {
    mkdirSync(path, { recursive: true, mode: DIRECTORY_MODE });
    this.#options.written.add(path);
    this.#options.written.add(dirname(path));
  }
}

/** Makes files, and directories with their names in them, survive a power cut. */
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
