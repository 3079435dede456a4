import { closeSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Connection, Submittable } from "pg";
import { parseLsn } from "../../core/log/lsn.js";
import { parseBackupMessage } from "./backup_messages.js";
import type { BackupEnds } from "./clone_marker.js";
import { CloneWriter } from "./clone_writer.js";
import { TarDamaged, TarReader } from "./tar.js";

const BASE_ARCHIVE = "base.tar";
const TABLESPACE_ARCHIVE = /^(\d+)\.tar$/;
const KIB = 1024;

export interface BackupQueryOptions {
  readonly command: string;
  readonly dir: string;
  readonly tablespacesDir: string;
  /** Before the first byte is written; throws if there is no room for so much. */
  readonly onSize: (totalBytes: number | null) => void;
  readonly onBytes: (receivedBytes: number, totalBytes: number | null) => void;
}

/**
 * BASE_BACKUP as a query of `pg`: two result sets (start; tablespaces with their sizes), one copy stream with all
 * archives and the manifest, one result set (end). Everything is written before the handler returns, so the socket is
 * not read meanwhile: that is the back-pressure.
 */
export class BackupQuery implements Submittable {
  readonly written = new Set<string>();
  readonly ends: Promise<BackupEnds>;
  readonly #options: BackupQueryOptions;
  readonly #resultSets: (string | null)[][][] = [];
  #settle!: { readonly done: (ends: BackupEnds) => void; readonly fail: (error: unknown) => void };
  #connection: Connection | null = null;
  #archive: TarReader | null = null;
  #manifestFd: number | null = null;
  #receivedBytes = 0;
  #failed = false;

  constructor(options: BackupQueryOptions) {
    this.#options = options;
    this.ends = new Promise((done, fail) => {
      this.#settle = { done, fail };
    });
  }

  submit(connection: Connection): void {
    this.#connection = connection;
    connection.query(this.#options.command);
  }

  handleRowDescription(): void {
    this.#resultSets.push([]);
  }

  handleDataRow(message: { readonly fields: (string | null)[] }): void {
    this.#resultSets.at(-1)?.push([...message.fields]);
  }

  handleCopyData(message: { readonly chunk: Buffer }): void {
    if (this.#failed) return;
    try {
      this.#take(message.chunk);
    } catch (error) {
      this.handleError(error);
    }
  }

  handleCommandComplete(): void {}
  handleEmptyQuery(): void {}
  handlePortalSuspended(): void {}

  /** From the server, the socket, or our own disk: nothing after it counts. */
  handleError(error: unknown): void {
    this.#failed = true;
    this.#settle.fail(error);
    this.#connection?.stream.destroy();
  }

  handleReadyForQuery(): void {
    if (this.#failed) return;
    try {
      this.#endArchive();
      this.#settle.done(this.#readEnds());
    } catch (error) {
      this.handleError(error);
    }
  }

  #take(bytes: Buffer): void {
    const message = parseBackupMessage(bytes);
    switch (message.kind) {
      case "archive":
        if (this.#receivedBytes === 0 && this.#archive === null) this.#options.onSize(this.#totalBytes());
        this.#endArchive();
        this.#archive = new TarReader(this.#writerFor(message.name));
        return;
      case "manifest":
        this.#endArchive();
        this.#startManifest();
        return;
      case "data":
        this.#write(message.bytes);
        this.#receivedBytes += message.bytes.length;
        this.#options.onBytes(this.#receivedBytes, this.#totalBytes());
        return;
      case "progress":
        return;
    }
  }

  #writerFor(archive: string): CloneWriter {
    const { dir, tablespacesDir } = this.#options;
    return new CloneWriter({ dataDir: dir, tablespacesDir, tablespace: tablespaceOf(archive), written: this.written });
  }

  #startManifest(): void {
    const path = join(this.#options.dir, "backup_manifest");
    this.#manifestFd = openSync(path, "wx", 0o600);
    this.written.add(path);
  }

  #write(bytes: Buffer): void {
    if (this.#manifestFd === null) this.#archive?.write(bytes);
    else for (let at = 0; at < bytes.length; ) at += writeSync(this.#manifestFd, bytes, at);
  }

  #endArchive(): void {
    this.#archive?.end();
    this.#archive = null;
    if (this.#manifestFd !== null) closeSync(this.#manifestFd);
    this.#manifestFd = null;
  }

  /** Postgres estimates in KiB, and knows nothing of the WAL that follows. */
  #totalBytes(): number | null {
    const sizes = this.#resultSets[1]?.map((row) => row[2] ?? null) ?? [];
    if (sizes.length === 0 || sizes.includes(null)) return null;
    return sizes.reduce((sum, size) => sum + Number(size) * KIB, 0);
  }

  #readEnds(): BackupEnds {
    const start = this.#resultSets[0]?.[0];
    const end = this.#resultSets.at(-1)?.[0];
    if (this.#resultSets.length < 3 || !start?.[0] || !start[1] || !end?.[0] || !end[1]) {
      throw new Error("the base backup ended without saying where");
    }
    return {
      startLsn: parseLsn(start[0]),
      startTimeline: BigInt(start[1]),
      endLsn: parseLsn(end[0]),
      endTimeline: BigInt(end[1]),
    };
  }
}

function tablespaceOf(archive: string): string | null {
  if (archive === BASE_ARCHIVE) return null;
  const oid = TABLESPACE_ARCHIVE.exec(archive)?.[1];
  if (oid === undefined) throw new TarDamaged(`unknown archive ${JSON.stringify(archive)}`);
  return oid;
}
