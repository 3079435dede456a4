import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeBigintJson, encodeBigintJson } from "../../src/core/bigint_json.js";
import type { StateIdentity } from "../../src/store/identity.js";
import { STATE_FILE_NAME, StateFile } from "../../src/store/state_file.js";
import type { StateCodec } from "../../src/store/state_format.js";
import { tempDir } from "../temp_dir.js";

interface Durable {
  readonly promised: bigint;
  readonly note: string;
}

const codec: StateCodec<Durable> = {
  encode: encodeBigintJson,
  decode: (text) => {
    const value = decodeBigintJson(text) as Durable;
    if (typeof value.promised !== "bigint") throw new TypeError("promised is missing");
    return value;
  },
};
const IDENTITY: StateIdentity = {
  cluster: "shop",
  node: "n1",
  incarnation: "i-1",
  system_identifier: 7_301_234_567_890_123_456n,
};
const VALUE: Durable = { promised: 7n, note: "ünïcode\nand a line break" };

function open(directory: string, node = "n1", cluster = "shop"): StateFile<Durable> {
  return new StateFile({ directory, cluster, node, codec });
}

async function written(): Promise<{ directory: string; path: string; bytes: Buffer }> {
  const directory = join(await tempDir(), "deep", "state");
  const file = open(directory);
  expect(await file.read()).toEqual({ kind: "absent" });
  await file.write(IDENTITY, VALUE);
  return { directory, path: file.path, bytes: await readFile(file.path) };
}

async function codeOf(directory: string): Promise<string> {
  const read = await open(directory).read();
  return read.kind === "refused" ? read.refusal.code : read.kind;
}

describe("state file", () => {
  test("what was written is read back, with bigints and identity", async () => {
    const { directory } = await written();
    expect(await open(directory).read()).toEqual({ kind: "ok", identity: IDENTITY, value: VALUE });
  });

  test("only its owner can read it", async () => {
    const { directory, path } = await written();
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
  });

  test("torn at any length it is refused, with what to do, and left as it is", async () => {
    const { directory, path, bytes } = await written();
    for (let length = 0; length < bytes.length; length++) {
      await writeFile(path, bytes.subarray(0, length));
      expect(await codeOf(directory), `length ${length}`).toBe("torn");
    }
    const read = await open(directory).read();
    expect(read.kind === "refused" && read.refusal.message).toMatch(/restore the state directory/);
    expect(await readFile(path)).toEqual(bytes.subarray(0, -1));
  });

  test("any flipped bit is noticed", async () => {
    const { directory, path, bytes } = await written();
    const header = (bytes.indexOf("\n") + 1) * 8;
    for (let bit = 0; bit < bytes.length * 8; bit += bit < header ? 1 : 5) {
      const flipped = Buffer.from(bytes);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      await writeFile(path, flipped);
      // A flip in the format's own digit may make it a newer format: refused as well, under another name.
      expect(["torn", "newer_format"], `bit ${bit}`).toContain(await codeOf(directory));
    }
  });

  test("bytes after the end are damage too", async () => {
    const { directory, path, bytes } = await written();
    await writeFile(path, Buffer.concat([bytes, Buffer.from("x")]));
    expect(await codeOf(directory)).toBe("torn");
  });

  test("another node's or cluster's file is foreign", async () => {
    const { directory } = await written();
    for (const other of [open(directory, "n2"), open(directory, "n1", "stage")]) {
      const read = await other.read();
      expect(read.kind === "refused" && read.refusal.code).toBe("foreign");
      expect(read.kind === "refused" && read.refusal.message).toContain("belongs to n1 of shop");
    }
  });

  test("a newer format is refused by name", async () => {
    const { directory, path, bytes } = await written();
    await writeFile(path, bytes.toString("utf8").replace("QUORATE-STATE 3 ", "QUORATE-STATE 4 "));
    expect(await codeOf(directory)).toBe("newer_format");
  });

  test("whole bytes that the codec does not understand are unreadable, not torn", async () => {
    const directory = await tempDir();
    const file = new StateFile({ directory, cluster: "shop", node: "n1", codec: { encode: String, decode: String } });
    await file.read();
    await file.write(IDENTITY, "{}");
    expect(await codeOf(directory)).toBe("unreadable");
  });

  test("a temp file left by a crash is ignored and removed", async () => {
    const { directory, path } = await written();
    await writeFile(`${path}.tmp`, "half a st");
    expect((await open(directory).read()).kind).toBe("ok");
    expect(await readdir(directory)).toEqual([STATE_FILE_NAME]);
  });

  test("a refused file is never written over", async () => {
    const { directory, path } = await written();
    await writeFile(path, "rubbish");
    const file = open(directory);
    await file.read();
    await expect(file.write(IDENTITY, VALUE)).rejects.toThrow(/must be read, and not refused/);
    expect(await readFile(path, "utf8")).toBe("rubbish");
  });

  test("nothing is written before it was read, nor by two at once, nor for another node", async () => {
    const { directory } = await written();
    const file = open(directory);
    await expect(file.write(IDENTITY, VALUE)).rejects.toThrow(/must be read/);
    await file.read();
    const first = file.write(IDENTITY, VALUE);
    await expect(file.write(IDENTITY, VALUE)).rejects.toThrow(/wait for that write/);
    await first;
    await file.write(IDENTITY, { ...VALUE, promised: 8n });
    await expect(file.write({ ...IDENTITY, node: "n2" }, VALUE)).rejects.toThrow(/not for n2/);
    expect(await open(directory).read()).toMatchObject({ value: { promised: 8n } });
  });

  test("a failed write leaves the old state and says why", async () => {
    const { directory, path } = await written();
    const file = open(directory);
    await file.read();
    // A directory in the place of the temp file cannot be opened for writing, whoever we are.
    const { mkdir, rm } = await import("node:fs/promises");
    await mkdir(`${path}.tmp`);
    await expect(file.write(IDENTITY, { ...VALUE, promised: 9n })).rejects.toThrow(/EISDIR/);
    await rm(`${path}.tmp`, { recursive: true });
    expect(await open(directory).read()).toMatchObject({ value: { promised: 7n } });
  });
});

describe("JSON with bigints", () => {
  test("survives a round trip", () => {
    const tree = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: "small" },
        fc.bigInt(),
        fc.string(),
        fc.integer(),
        fc.boolean(),
        fc.constant(null),
        fc.array(tie("value")),
        fc.dictionary(fc.string(), tie("value"), { noNullPrototype: true }),
      ),
    })).value;
    fc.assert(
      fc.property(tree, (value) => {
        fc.pre(!JSON.stringify(value, (_k, v) => (typeof v === "bigint" ? "" : v)).includes("__proto__"));
        expect(decodeBigintJson(encodeBigintJson(value))).toEqual(value);
      }),
    );
  });

  test("what cannot have been written is refused", () => {
    expect(() => decodeBigintJson('{"$bigint":"4x"}')).toThrow(SyntaxError);
    expect(() => decodeBigintJson('{"$bigint":4}')).toThrow(SyntaxError);
  });
});
