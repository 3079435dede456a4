import { describe, expect, it } from "vitest";
import { CopyPace } from "../../src/postgres/copy_pace.js";

const MB = 2 ** 20;

describe("what is told of a copy under way", () => {
  it("is its pace of lately and the time that is left, once a second or when the percentage changes", () => {
    const pace = new CopyPace();
    const at = (nowMs: number, mb: number) =>
      pace.tell({ phase: "copying", bytes: mb * MB, totalBytes: 100_000 * MB, nowMs });
    expect(at(0, 0)).toEqual({
      percent: 0,
      progress: { phase: "copying", bytes: 0, totalBytes: 100_000 * MB, bytesPerS: null, leftMs: null },
    });
    expect(at(500, 50)).toBeNull();
    expect(at(1000, 100)?.progress).toMatchObject({ bytesPerS: 100 * MB, leftMs: 999_000 });
    for (let s = 2; s <= 20; s++) at(s * 1000, 100 * s);
    for (let s = 21; s <= 40; s++) at(s * 1000, 2000 + 10 * (s - 20));
    expect(at(41_000, 2210)?.progress.bytesPerS).toBe(10 * MB);
    expect(at(41_001, 3000)?.percent).toBe(3);
  });

  it("says 99 while what was copied is made durable, and nothing of a total that nobody knows", () => {
    const pace = new CopyPace();
    expect(pace.tell({ phase: "waiting_for_turn", bytes: 0, totalBytes: null, nowMs: 0 })).toMatchObject({
      percent: 0,
    });
    expect(pace.tell({ phase: "syncing", bytes: 5, totalBytes: 5, nowMs: 1 })).toMatchObject({
      percent: 99,
      progress: { phase: "syncing", bytesPerS: null },
    });
  });
});
