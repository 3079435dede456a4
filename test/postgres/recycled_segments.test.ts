import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { takeRecycled } from "../../src/postgres/recycled_segments.js";
import { tempDir } from "../temp_dir.js";

const SEGMENT_BYTES = 1n << 24n;

/** A pg_wal with these files, each of which holds its first name. */
async function walOf(names: readonly string[], ready: readonly string[] = []) {
  const dataDir = await tempDir();
  const wal = join(dataDir, "pg_wal");
  await mkdir(join(wal, "archive_status"), { recursive: true });
  for (const name of names) await writeFile(join(wal, name), name);
  for (const name of ready) await writeFile(join(wal, "archive_status", `${name}.ready`), "");
  const left = async () => {
    const files = (await readdir(wal)).filter((name) => name !== "archive_status").sort();
    return Promise.all(files.map(async (name) => [name, await readFile(join(wal, name), "utf8")]));
  };
  return { dataDir, left };
}

it("takes what lies beyond the end, in order, and leaves what holds the log, newer timelines, and what waits for the archive", async () => {
  const { dataDir, left } = await walOf(
    [
      ...["000000030000000000000007", "000000030000000000000008", "00000003000000000000000A"],
      ...["00000002000000000000000B", "00000003000000000000000C", "000000090000000000000009", "00000003.history"],
    ],
    ["00000003000000000000000C"],
  );
  const end = 8n * SEGMENT_BYTES - 100n;
  expect(await takeRecycled({ dataDir, term: 5n, end, segmentBytes: SEGMENT_BYTES })).toBe(3);
  expect(await left()).toEqual([
    ["00000003.history", "00000003.history"],
    ["000000030000000000000007", "000000030000000000000007"],
    ["00000003000000000000000C", "00000003000000000000000C"],
    ["000000050000000000000008", "000000030000000000000008"],
    ["000000050000000000000009", "00000003000000000000000A"],
    ["00000005000000000000000A", "00000002000000000000000B"],
    ["000000090000000000000009", "000000090000000000000009"],
  ]);
});

it("leaves the segment that the new timeline begins with, if the log ends at its start", async () => {
  const { dataDir, left } = await walOf([
    "0000000300000001000000FE",
    "0000000300000001000000FF",
    "000000030000000200000000",
  ]);
  const end = (1n << 32n) + 0xffn * SEGMENT_BYTES;
  expect(await takeRecycled({ dataDir, term: 4n, end, segmentBytes: SEGMENT_BYTES })).toBe(1);
  expect((await left()).map(([name]) => name)).toEqual([
    "0000000300000001000000FE",
    "0000000300000001000000FF",
    "000000040000000200000000",
  ]);
});
