/**
 * Reads the tar archives of BASE_BACKUP, as bytes come in and without waiting for anything: an asynchronous reader was
 * four times slower (POSTGRES.md D). Chunks are handed to the sink at once and never kept, because `pg` reuses the
 * buffer they lie in; only the pieces of a header that is split between chunks are copied.
 */
export interface TarSink {
  directory(name: string): void;
  link(name: string, target: string): void;
  /** Followed by `data` calls that add up to `sizeBytes`, then by `fileEnd`. */
  fileStart(name: string, sizeBytes: number): void;
  data(chunk: Buffer): void;
  fileEnd(): void;
}

export class TarDamaged extends Error {
  override readonly name = "TarDamaged";
}

const BLOCK_BYTES = 512;
const NAME_BYTES = 100;
const CHECKSUM_AT = 148;
const CHECKSUM_BYTES = 8;
const TYPE_FILE = "0";
const TYPE_FILE_OLD = "\0";
const TYPE_LINK = "2";
const TYPE_DIRECTORY = "5";
const SPACE = 0x20;

export class TarReader {
  readonly #sink: TarSink;
  readonly #header = Buffer.alloc(BLOCK_BYTES);
  #headerBytes = 0;
  /** Of the file that is being read; its padding to whole blocks follows. */
  #fileBytesLeft = 0;
  #paddingLeft = 0;
  #inFile = false;

  constructor(sink: TarSink) {
    this.#sink = sink;
  }

  write(chunk: Buffer): void {
    let offset = 0;
    while (offset < chunk.length) {
      if (this.#inFile) offset += this.#readFile(chunk.subarray(offset));
      else if (this.#paddingLeft > 0) offset += this.#skipPadding(chunk.length - offset);
      else offset += this.#readHeader(chunk.subarray(offset));
    }
  }

  /** @throws TarDamaged if the archive ends in the middle of something. */
  end(): void {
    if (this.#inFile || this.#paddingLeft > 0 || this.#headerBytes > 0)
      throw new TarDamaged("an archive was cut short");
  }

  #readFile(bytes: Buffer): number {
    const taken = Math.min(bytes.length, this.#fileBytesLeft);
    if (taken > 0) this.#sink.data(bytes.subarray(0, taken));
    this.#fileBytesLeft -= taken;
    if (this.#fileBytesLeft === 0) this.#endFile();
    return taken;
  }

  #endFile(): void {
    this.#inFile = false;
    this.#sink.fileEnd();
  }

  #skipPadding(available: number): number {
    const skipped = Math.min(available, this.#paddingLeft);
    this.#paddingLeft -= skipped;
    return skipped;
  }

  #readHeader(bytes: Buffer): number {
    const taken = Math.min(bytes.length, BLOCK_BYTES - this.#headerBytes);
    bytes.copy(this.#header, this.#headerBytes, 0, taken);
    this.#headerBytes += taken;
    if (this.#headerBytes < BLOCK_BYTES) return taken;
    this.#headerBytes = 0;
    // Two blocks of zeros end an archive; Postgres sends them or not, according to its version.
    if (!this.#header.every((byte) => byte === 0)) this.#startEntry(this.#header);
    return taken;
  }

  #startEntry(header: Buffer): void {
    verifyChecksum(header);
    const name = safeName(text(header, 0, NAME_BYTES));
    const sizeBytes = number(header, 124, 12);
    const type = String.fromCharCode(header[156] ?? 0);
    if (type === TYPE_DIRECTORY) this.#sink.directory(name);
    else if (type === TYPE_LINK) this.#sink.link(name, text(header, 157, NAME_BYTES));
    else if (type === TYPE_FILE || type === TYPE_FILE_OLD) this.#startFile(name, sizeBytes);
    else throw new TarDamaged(`entry ${name} has type ${JSON.stringify(type)}, which Postgres never sends`);
  }

  #startFile(name: string, sizeBytes: number): void {
    this.#sink.fileStart(name, sizeBytes);
    this.#fileBytesLeft = sizeBytes;
    this.#paddingLeft = (BLOCK_BYTES - (sizeBytes % BLOCK_BYTES)) % BLOCK_BYTES;
    this.#inFile = true;
    if (sizeBytes === 0) this.#endFile();
  }
}

/** Directories come with a slash at the end. Nothing may lead out of the directory that the archive is unpacked into. */
function safeName(raw: string): string {
  const parts = raw.split("/").filter((part) => part !== "" && part !== ".");
  if (raw.startsWith("/") || parts.includes(".."))
    throw new TarDamaged(`entry ${JSON.stringify(raw)} leads out of the directory`);
  return parts.join("/");
}

function text(header: Buffer, at: number, bytes: number): string {
  const field = header.subarray(at, at + bytes);
  const end = field.indexOf(0);
  return field.toString("utf8", 0, end < 0 ? bytes : end);
}

/** Octal digits, or big-endian behind a set top bit where they do not suffice. */
function number(header: Buffer, at: number, bytes: number): number {
  if (((header[at] ?? 0) & 0x80) !== 0) {
    const value = header.readBigUInt64BE(at + bytes - 8);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new TarDamaged(`an entry of ${value} bytes`);
    return Number(value);
  }
  const digits = text(header, at, bytes).trim();
  if (!/^[0-7]+$/.test(digits)) throw new TarDamaged(`${JSON.stringify(digits)} is no number`);
  return Number.parseInt(digits, 8);
}

function verifyChecksum(header: Buffer): void {
  let sum = CHECKSUM_BYTES * SPACE;
  for (let at = 0; at < BLOCK_BYTES; at++) {
    if (at < CHECKSUM_AT || at >= CHECKSUM_AT + CHECKSUM_BYTES) sum += header[at] ?? 0;
  }
  if (number(header, CHECKSUM_AT, CHECKSUM_BYTES) !== sum) throw new TarDamaged("the checksum of an entry is wrong");
}
