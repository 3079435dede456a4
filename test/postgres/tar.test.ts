import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseBackupMessage } from "../../src/postgres/replication/backup_messages.js";
import { TarDamaged, TarReader, type TarSink } from "../../src/postgres/replication/tar.js";

interface Entry {
  readonly name: string;
  readonly type: "0" | "2" | "5";
  readonly content: Buffer;
  readonly target: string;
}

function header(entry: Entry): Buffer {
  const block = Buffer.alloc(512);
  block.write(entry.name, 0);
  block.write("0000600\0", 100);
  block.write(`${entry.content.length.toString(8).padStart(11, "0")}\0`, 124);
  block.write(entry.type, 156);
  block.write(entry.target, 157);
  block.write("ustar\0", 257);
  block.fill(" ", 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}

function archive(entries: readonly Entry[]): Buffer {
  const blocks = entries.flatMap((entry) => [
    header(entry),
    entry.content,
    Buffer.alloc((512 - (entry.content.length % 512)) % 512),
  ]);
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

/** Copies what it is given: the reader hands out views. */
class Recorder implements TarSink {
  readonly seen: Entry[] = [];
  #name = "";
  #parts: Buffer[] = [];
  directory(name: string): void {
    this.seen.push({ name, type: "5", content: Buffer.alloc(0), target: "" });
  }
  link(name: string, target: string): void {
    this.seen.push({ name, type: "2", content: Buffer.alloc(0), target });
  }
  fileStart(name: string): void {
    this.#name = name;
    this.#parts = [];
  }
  data(chunk: Buffer): void {
    this.#parts.push(Buffer.from(chunk));
  }
  fileEnd(): void {
    this.seen.push({ name: this.#name, type: "0", content: Buffer.concat(this.#parts), target: "" });
  }
}

const name = fc.stringMatching(/^[a-z0-9_]{1,20}(\/[a-z0-9_]{1,20}){0,3}$/);
const entry: fc.Arbitrary<Entry> = fc.oneof(
  fc.record({
    name,
    type: fc.constant("0" as const),
    content: fc.uint8Array({ maxLength: 1600 }).map((bytes) => Buffer.from(bytes)),
    target: fc.constant(""),
  }),
  fc.record({ name, type: fc.constant("5" as const), content: fc.constant(Buffer.alloc(0)), target: fc.constant("") }),
  fc.record({ name, type: fc.constant("2" as const), content: fc.constant(Buffer.alloc(0)), target: name }),
);

function file(name: string, content = ""): Entry {
  return { name, type: "0", content: Buffer.from(content), target: "" };
}

describe("the tar reader", () => {
  it("reads the same entries however the bytes are split, from a buffer that is reused", () => {
    fc.assert(
      fc.property(
        fc.array(entry, { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 40 }),
        (entries, sizes) => {
          const bytes = archive(entries);
          const recorder = new Recorder();
          const reader = new TarReader(recorder);
          const reused = Buffer.alloc(700);
          for (let at = 0, turn = 0; at < bytes.length; turn++) {
            const taken = bytes.copy(reused, 0, at, at + (sizes[turn % sizes.length] ?? 1));
            reader.write(reused.subarray(0, taken));
            reused.fill(0xff);
            at += taken;
          }
          reader.end();
          expect(recorder.seen).toEqual(entries);
        },
      ),
    );
  });

  it("takes the slash off a directory's name", () => {
    const recorder = new Recorder();
    new TarReader(recorder).write(
      archive([{ name: "./pg_tblspc/16384/", type: "5", content: Buffer.alloc(0), target: "" }]),
    );
    expect(recorder.seen[0]?.name).toBe("pg_tblspc/16384");
  });

  it.each(["/etc/passwd", "../outside", "base/../../outside"])("refuses %s", (outside) => {
    expect(() => new TarReader(new Recorder()).write(archive([file(outside)]))).toThrow(TarDamaged);
  });

  it("refuses a flipped bit in a header", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 511 }), fc.integer({ min: 0, max: 6 }), (at, bit) => {
        const bytes = archive([file("base/1/1259", "x")]);
        bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
        const recorder = new Recorder();
        try {
          new TarReader(recorder).write(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(TarDamaged);
          return;
        }
        // The end of the checksum field is padding.
        expect(at).toBeGreaterThanOrEqual(154);
        expect(recorder.seen).toEqual([file("base/1/1259", "x")]);
      }),
    );
  });

  it("refuses an archive that is cut short", () => {
    const bytes = archive([file("base/1/1259", "hello")]);
    for (const length of [100, 512, 514, 520]) {
      const reader = new TarReader(new Recorder());
      reader.write(bytes.subarray(0, length));
      expect(() => reader.end(), String(length)).toThrow(/cut short/);
    }
  });
});

describe("messages of a base backup", () => {
  it("are read one by one", () => {
    expect(parseBackupMessage(Buffer.from("n16384.tar\0/srv/space\0"))).toEqual({
      kind: "archive",
      name: "16384.tar",
      tablespacePath: "/srv/space",
    });
    expect(parseBackupMessage(Buffer.from("nbase.tar\0\0"))).toEqual({
      kind: "archive",
      name: "base.tar",
      tablespacePath: "",
    });
    expect(parseBackupMessage(Buffer.from("m"))).toEqual({ kind: "manifest" });
    expect(parseBackupMessage(Buffer.from("dabc"))).toEqual({ kind: "data", bytes: Buffer.from("abc") });
    expect(parseBackupMessage(Buffer.from([0x70, 0, 0, 0, 0, 0, 0, 1, 0]))).toEqual({ kind: "progress", bytes: 256n });
  });

  it.each([[""], ["x"], ["nbase.tar"], ["p123"]])("junk is refused: %j", (text) => {
    expect(() => parseBackupMessage(Buffer.from(text))).toThrow(TarDamaged);
  });
});
