import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { History } from "../../src/core/log/history.js";
import { formatLsn } from "../../src/core/log/lsn.js";
import { chooseOsUser } from "../../src/postgres/os_user.js";
import {
  formatHistoryFile,
  historyFileName,
  parseHistoryFile,
  readHistory,
  realHistoryAbove,
  timelineOfHistoryFile,
} from "../../src/postgres/replication/history_file.js";
import { writePlaceholders } from "../../src/postgres/replication/placeholders.js";
import { timelineAt } from "../../src/postgres/revoke.js";

const bytes = (text: string) => Buffer.from(text, "latin1");

/** Rising timelines with LSNs that never shrink. */
const history = fc
  .array(fc.tuple(fc.bigInt({ min: 1n, max: 1000n }), fc.bigInt({ min: 0n, max: 1n << 40n })), {
    minLength: 1,
    maxLength: 20,
  })
  .map((steps): History => {
    let timeline = 0n;
    let end = 0n;
    const ancestors = steps.map(([jump, grown]) => {
      timeline += jump;
      end += grown;
      return { timeline, end };
    });
    return { timeline: timeline + 1n, ancestors };
  });

describe("a timeline history file", () => {
  it("has the name Postgres gives it", () => {
    expect(historyFileName(42n)).toBe("0000002A.history");
    expect(timelineOfHistoryFile("0000002A.history")).toBe(42n);
    for (const name of ["0000002a.history", "2A.history", "0000002A.history.ready", "00000001000000000000002A"]) {
      expect(timelineOfHistoryFile(name)).toBeUndefined();
    }
  });

  it("reads what Postgres writes, today's switch points and the zero-padded ones of 19", () => {
    const expected = {
      kind: "history",
      history: {
        timeline: 7n,
        ancestors: [
          { timeline: 1n, end: 0x3000060n },
          { timeline: 5n, end: 0x1_0000_00a0n },
        ],
      },
    };
    const reason = "no recovery target specified";
    expect(parseHistoryFile(7n, bytes(`1\t0/3000060\t${reason}\n\n5\t1/A0\t${reason}\n`))).toEqual(expected);
    expect(parseHistoryFile(7n, bytes(`1\t0/03000060\t${reason}\n\n5\t1/000000A0\t${reason}\n`))).toEqual(expected);
    expect(parseHistoryFile(7n, bytes("# by hand\n  1 0/3000060\n5\t1/A0\n"))).toEqual(expected);
  });

  it.each([["# gap\n"], [""], ["\n\n"], ["# gap"]])("without a parent is a placeholder: %j", (text) => {
    expect(parseHistoryFile(7n, bytes(text))).toEqual({ kind: "placeholder" });
  });

  it.each([
    ["a word", "hello\n"],
    ["half a line", "1\t0/30"],
    ["no switch point", "1\n"],
    ["a timeline above its own", "9\t0/3000060\tx\n"],
    ["its own timeline", "7\t0/3000060\tx\n"],
    ["falling timelines", "5\t0/3000060\tx\n2\t0/4000060\tx\n"],
    ["a switch point that shrinks", "2\t0/3000060\tx\n5\t0/2000060\tx\n"],
    ["timeline 0", "0\t0/3000060\tx\n"],
    ["a timeline beyond int4", "4294967295\t0/3000060\tx\n"],
  ])("with %s is refused with a reason", (_title, text) => {
    const parsed = parseHistoryFile(7n, bytes(text));
    expect(parsed.kind).toBe("refused");
    if (parsed.kind === "refused") expect(parsed.reason).toMatch(/00000007\.history.*clone this node again/s);
  });

  it("survives a round trip", () => {
    fc.assert(
      fc.property(history, (made) => {
        expect(parseHistoryFile(made.timeline, bytes(formatHistoryFile(made)))).toEqual({
          kind: "history",
          history: made,
        });
      }),
    );
  });

  it("never throws, whatever the bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.bigInt({ min: 2n, max: 9n }), (junk, timeline) => {
        expect(["history", "placeholder", "refused"]).toContain(parseHistoryFile(timeline, junk).kind);
      }),
    );
  });

  it("cut short anywhere is another history only at the end of a line, never half an LSN", () => {
    fc.assert(
      fc.property(history, fc.nat(), (made, cut) => {
        const whole = formatHistoryFile(made);
        const parsed = parseHistoryFile(made.timeline, bytes(whole.slice(0, cut % whole.length)));
        if (parsed.kind !== "history") return;
        expect(made.ancestors.slice(0, parsed.history.ancestors.length)).toEqual(parsed.history.ancestors);
      }),
    );
  });
});

describe("the timeline of the record that ends at an LSN", () => {
  it("is the parent's at the switch point itself, and the child's one byte later", () => {
    fc.assert(
      fc.property(history, (made) => {
        for (const { end } of made.ancestors) {
          const owner = made.ancestors.find((ancestor) => ancestor.end === end)?.timeline;
          expect(timelineAt(made, end), formatLsn(end)).toBe(owner);
        }
        const last = made.ancestors.at(-1);
        expect(timelineAt(made, (last?.end ?? 0n) + 1n)).toBe(made.timeline);
      }),
    );
  });
});

describe("pg_wal", () => {
  let dataDir: string;
  let wal: string;
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "quorate-history-"));
    wal = join(dataDir, "pg_wal");
    await mkdir(wal);
  });
  afterEach(() => rm(dataDir, { recursive: true, force: true }));

  it("gets one placeholder for every number between, all of one file, and keeps what is there", async () => {
    const user = await chooseOsUser({});
    await writeFile(join(wal, historyFileName(5n)), "2\t0/3000060\tx\n");
    expect(await writePlaceholders({ dataDir, held: 2n, term: 9n, user })).toBe(5);
    expect((await readdir(wal)).sort()).toEqual([3n, 4n, 5n, 6n, 7n, 8n].map(historyFileName));
    expect((await readHistory(dataDir, 5n)).kind).toBe("history");
    expect((await readHistory(dataDir, 6n)).kind).toBe("placeholder");
    const [first, last] = await Promise.all([3n, 8n].map((timeline) => stat(join(wal, historyFileName(timeline)))));
    expect(first?.ino).toBe(last?.ino);
    expect(first?.mode).toBe(0o100600);
    expect(first?.uid).toBe(user.uid);
    expect(await writePlaceholders({ dataDir, held: 2n, term: 9n, user })).toBe(0);
  });

  it("gets none for the next number, and refuses to go back", async () => {
    const user = await chooseOsUser({});
    expect(await writePlaceholders({ dataDir, held: 2n, term: 3n, user })).toBe(0);
    await expect(writePlaceholders({ dataDir, held: 3n, term: 3n, user })).rejects.toThrow(/goes back/);
  });

  it("shows the lowest real history above the held timeline; junk counts, placeholders do not", async () => {
    await writeFile(join(wal, historyFileName(3n)), "2\t0/3000060\tx\n");
    await writeFile(join(wal, historyFileName(4n)), "# gap\n");
    expect(await realHistoryAbove(dataDir, 3n)).toBeUndefined();
    await writeFile(join(wal, historyFileName(9n)), "junk\n");
    expect(await realHistoryAbove(dataDir, 3n)).toBe(9n);
    expect(await realHistoryAbove(dataDir, 2n)).toBe(3n);
  });

  it("knows timeline 1 without a file and says when another is missing", async () => {
    expect(await readHistory(dataDir, 1n)).toEqual({ kind: "history", history: { timeline: 1n, ancestors: [] } });
    expect(await readHistory(dataDir, 2n)).toEqual({ kind: "missing" });
  });
});
