import { describe, expect, test } from "vitest";
import type { TermEvidence } from "../../src/core/term_evidence.js";
import type { Instance } from "../../src/postgres/instance.js";
import { LeadershipKeeper } from "../../src/postgres/leadership_keeper.js";

const EVIDENCE: TermEvidence = {
  ...{ term: 2n, leader: "n1", coordinator: "n2", cause: "gone", recruited: ["n1", "n2"], founding: false },
  ...{ startedUnixMs: 1, detectMs: 2, recruitMs: 3, promoteMs: 4, establishMs: 5 },
};

/** A Postgres that notes what it is asked, and fails whatever contains a word. */
function fakePostgres() {
  const asked: string[] = [];
  let failing: string | null = null;
  let gate: Promise<void> = Promise.resolve();
  const query = async (text: string) => {
    asked.push(text.trim().split("\n")[0] ?? "");
    if (failing !== null && text.includes(failing)) throw new Error(`no ${failing}`);
    await gate;
    if (text.includes("pg_current_wal_flush_lsn")) return [{ flush_lsn: "0/1" }];
    return text.includes("as present") ? [{ present: true }] : [];
  };
  const session = { query };
  const instance = { observer: session, fresh: <T>(use: (s: typeof session) => Promise<T>) => use(session) };
  return {
    instance: instance as unknown as Instance,
    count: (word: string) => asked.filter((text) => text.includes(word)).length,
    fail: (word: string | null) => (failing = word),
    /** Nothing is answered until what is returned is called. */
    hold: () => {
      let release: () => void = () => undefined;
      gate = new Promise((resolve) => {
        release = resolve;
      });
      return release;
    },
  };
}

function keeperOn(postgres: ReturnType<typeof fakePostgres>, evidence: () => TermEvidence | null = () => EVIDENCE) {
  const warnings: string[] = [];
  let runs = true;
  let nowMs = 0;
  const keeper = new LeadershipKeeper({
    instance: () => (runs ? postgres.instance : null),
    evidence,
    warn: (text) => warnings.push(text),
    nowMs: () => nowMs,
  });
  const pass = (ms: number) => {
    nowMs += ms;
  };
  return { keeper, warnings, pass, stop: () => (runs = false) };
}

describe("what is known of a term", () => {
  test("is written once, and nothing while there is nothing", async () => {
    const postgres = fakePostgres();
    let known: TermEvidence | null = null;
    const { keeper } = keeperOn(postgres, () => known);
    await keeper.keep(postgres.instance);
    expect(postgres.count("insert")).toBe(0);
    known = EVIDENCE;
    await keeper.keep(postgres.instance);
    await keeper.keep(postgres.instance);
    expect(postgres.count("insert")).toBe(1);
    known = { ...EVIDENCE, term: 3n };
    await keeper.keep(postgres.instance);
    expect(postgres.count("insert")).toBe(2);
  });

  test("is tried again when it could not be written, and that is said once", async () => {
    const postgres = fakePostgres();
    const { keeper, warnings } = keeperOn(postgres);
    postgres.fail("insert");
    await keeper.keep(postgres.instance);
    await keeper.keep(postgres.instance);
    expect(warnings).toEqual(["what is known of term 2 cannot be kept: no insert"]);
    expect(postgres.count("rollback")).toBe(2);
    postgres.fail(null);
    await keeper.keep(postgres.instance);
    await keeper.keep(postgres.instance);
    expect(postgres.count("insert")).toBe(3);
    expect(warnings).toHaveLength(1);
  });
});

describe("reading it", () => {
  test("takes one query of each table, however many ask at once, and however slowly it answers", async () => {
    const postgres = fakePostgres();
    const { keeper, pass } = keeperOn(postgres);
    const release = postgres.hold();
    const first = keeper.read();
    pass(10_000);
    const second = keeper.read();
    release();
    expect(await first).toEqual({ records: [], evidence: [] });
    expect(await second).toBe(await first);
    expect(await keeper.read()).not.toBe(await first);
    expect(await keeper.read()).not.toBe(await first);
    expect(postgres.count("select")).toBe(4);
  });

  test("is refused with the reason while Postgres does not run", async () => {
    const { keeper, stop } = keeperOn(fakePostgres());
    stop();
    await expect(keeper.read()).rejects.toThrow(/does not run/);
  });
});
