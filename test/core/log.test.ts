import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { History } from "../../src/core/log/history.js";
import { contains, historyFault, switchPoint } from "../../src/core/log/history.js";
import { formatLsn, maxLsn, minLsn, parseLsn } from "../../src/core/log/lsn.js";
import type { Position } from "../../src/core/log/position.js";
import { comparePositions, formatPosition, isEmptyPosition, POSITION_EMPTY } from "../../src/core/log/position.js";

const LSN_MAX = (1n << 64n) - 1n;
const lsn = fc.oneof(fc.bigInt(0n, LSN_MAX), fc.bigInt(0n, 8n));

describe("an LSN", () => {
  it("is read as Postgres writes it, and written back the same", () => {
    for (const [text, value] of [
      ["0/0", 0n],
      ["0/3000060", 0x3000060n],
      ["16/B374D848", 0x16_b374_d848n],
      ["FFFFFFFF/FFFFFFFF", LSN_MAX],
    ] as const) {
      expect(parseLsn(text)).toBe(value);
      expect(formatLsn(value)).toBe(text);
    }
    expect(parseLsn("0/03000060")).toBe(0x3000060n);
  });

  it("survives a round trip", () => {
    fc.assert(fc.property(lsn, (value) => parseLsn(formatLsn(value)) === value));
  });

  it("is refused when it is none", () => {
    for (const text of [
      "",
      "/",
      "0",
      "0/",
      "/0",
      "0/G",
      "0/123456789",
      "0/1 ",
      " 0/1",
      "0x0/1",
      "-1/0",
      "0/1\n",
      "1/2/3",
    ])
      expect(() => parseLsn(text)).toThrow(RangeError);
    for (const value of [-1n, LSN_MAX + 1n]) expect(() => formatLsn(value)).toThrow(RangeError);
  });

  it("has a higher and a lower of two", () => {
    fc.assert(
      fc.property(lsn, lsn, (a, b) => {
        const sorted = [a, b].sort((x, y) => (x < y ? -1 : x > y ? 1 : 0));
        expect([minLsn(a, b), maxLsn(a, b)]).toEqual(sorted);
      }),
    );
  });
});

const position: fc.Arbitrary<Position> = fc.record({
  timeline: fc.bigInt(1n, 4n),
  lsn: fc.oneof(fc.bigInt(0n, 3n), lsn),
});

describe("the order of positions", () => {
  it("is antisymmetric, transitive and total", () => {
    fc.assert(
      fc.property(position, position, position, (a, b, c) => {
        expect(Math.sign(comparePositions(a, b))).toBe(-Math.sign(comparePositions(b, a)) + 0);
        expect(comparePositions(a, b) === 0).toBe(a.timeline === b.timeline && a.lsn === b.lsn);
        if (comparePositions(a, b) <= 0 && comparePositions(b, c) <= 0)
          expect(comparePositions(a, c)).toBeLessThanOrEqual(0);
      }),
    );
  });

  it("puts a newer timeline before a longer log, and the empty position below all", () => {
    expect(comparePositions({ timeline: 3n, lsn: 1n }, { timeline: 2n, lsn: LSN_MAX })).toBeGreaterThan(0);
    fc.assert(fc.property(position, (p) => comparePositions(POSITION_EMPTY, p) < 0 && !isEmptyPosition(p)));
    expect(formatPosition(POSITION_EMPTY)).toBe("empty");
    expect(formatPosition({ timeline: 7n, lsn: 255n })).toBe("7:0/FF");
  });
});

/** A tree of timelines as lists of (timeline, record number): the dumb picture that histories abbreviate. */
const logs = fc
  .array(fc.record({ parent: fc.nat(), cut: fc.nat(), grown: fc.nat(3) }), { minLength: 1, maxLength: 6 })
  .map((steps) => {
    const all: { timeline: bigint; records: string[]; history: History }[] = [];
    steps.forEach((step, i) => {
      const timeline = BigInt(i + 1);
      const parent = all[step.parent % Math.max(1, all.length)];
      const kept = parent === undefined ? 0 : step.cut % (parent.records.length + 1);
      const records = (parent?.records ?? []).slice(0, kept);
      const ancestors =
        parent === undefined
          ? []
          : [...parent.history.ancestors, { timeline: parent.timeline, end: BigInt(parent.records.length) }].map(
              (a) => ({
                ...a,
                end: a.end < BigInt(kept) ? a.end : BigInt(kept),
              }),
            );
      for (let n = 0; n < step.grown; n++) records.push(`${timeline}.${n}`);
      all.push({ timeline, records, history: { timeline, ancestors } });
    });
    return all;
  });

describe("a history", () => {
  it("contains a position exactly if the records up to it are a beginning of its log", () => {
    fc.assert(
      fc.property(logs, (all) => {
        for (const leader of all)
          for (const other of all) {
            const last = other.records.at(-1);
            if (last === undefined) continue;
            const at = { timeline: BigInt(last.split(".")[0] ?? 0), lsn: BigInt(other.records.length) };
            // A position on the leader's own timeline is taken on trust: one leader a term wrote it.
            if (at.timeline === leader.timeline && other !== leader && other.records.length > leader.records.length)
              continue;
            const prefix = other.records.every((record, i) => leader.records[i] === record);
            expect(contains(leader.history, at)).toBe(prefix);
          }
      }),
      { numRuns: 500 },
    );
  });

  it("contains every node without data", () => {
    expect(contains({ timeline: 9n, ancestors: [] }, POSITION_EMPTY)).toBe(true);
  });

  it("begins where its last ancestor ended", () => {
    expect(switchPoint({ timeline: 2n, ancestors: [] })).toBeUndefined();
    const ancestors = [
      { timeline: 1n, end: 5n },
      { timeline: 3n, end: 9n },
    ];
    expect(switchPoint({ timeline: 4n, ancestors })).toBe(9n);
  });

  it("rises in timelines and never shrinks in LSN", () => {
    const a = (timeline: bigint, end: bigint) => ({ timeline, end });
    expect(historyFault({ timeline: 4n, ancestors: [a(1n, 5n), a(3n, 5n)] })).toBeUndefined();
    for (const ancestors of [
      [a(4n, 5n)],
      [a(5n, 5n)],
      [a(2n, 5n), a(2n, 6n)],
      [a(3n, 5n), a(2n, 6n)],
      [a(1n, 5n), a(2n, 4n)],
    ])
      expect(historyFault({ timeline: 4n, ancestors })).toBeTypeOf("string");
  });
});
