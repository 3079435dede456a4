import { Client } from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Ruleset } from "../../src/core/ruleset/ruleset.js";
import type { TermEvidence } from "../../src/core/term_evidence.js";
import { keepEvidence, readLeadershipLog } from "../../src/postgres/leadership_table.js";
import { observeLeader } from "../../src/postgres/observe.js";
import { identifySystem } from "../../src/postgres/replication/connection.js";
import { foundCluster, type RulesetRow, readRulesets, writeRuleset } from "../../src/postgres/ruleset_table.js";
import { Cluster, INSTALLATIONS } from "./replication_cluster.js";
import { type Node, until } from "./replication_node.js";

const RULESET: Ruleset = {
  policy: { kind: "at_least", copies: 2 },
  cohort: ["n1", "n2", "n3"].map((id) => ({
    id,
    incarnation: `i-${id}`,
    labels: { zone: 'it\'s "a"' },
    eligible: true,
  })),
};
const FIRST: RulesetRow = {
  number: { term: 2n, subterm: 0 },
  state: "proposed",
  ruleset: RULESET,
  writtenBy: "n1",
  cause: "founding",
};
const SECOND: RulesetRow = {
  ...FIRST,
  number: { term: 2n, subterm: 1 },
  ruleset: { ...RULESET, policy: { kind: "majority" } },
  cause: "policy",
};
const DECIDED: RulesetRow = { ...SECOND, state: "decided", ruleset: null };

const EVIDENCE: TermEvidence = {
  ...{ term: 2n, leader: "n1", coordinator: "n2", cause: 'it\'s "gone"', recruited: ["n1", "n2"], founding: false },
  ...{ startedUnixMs: 1_700_000_000_000, detectMs: null, recruitMs: 2, promoteMs: 3, establishMs: 4 },
};

const FOUNDING = {
  superuser: { name: "postgres", password: "super'secret" },
  replication: { name: "quorate_replication", password: "repl secret", random: false },
  ruleset: RULESET,
  term: 2n,
  writtenBy: "n1",
  cause: "founding",
};

describe.each(INSTALLATIONS)("rulesets in the WAL: $title", (installation) => {
  let cluster: Cluster;
  let leader: Node;

  beforeAll(async () => {
    cluster = await Cluster.create(installation);
  });
  afterAll(() => cluster?.destroy());
  beforeEach(async () => {
    leader = await cluster.node("n1");
    await leader.start({ standby: true });
    await leader.promote(2n);
  });
  afterEach(() => cluster.reset());

  async function current(): Promise<unknown> {
    return (await leader.session.query("select term::text, subterm, ruleset from quorate.current_ruleset"))[0];
  }

  it("are none before the founding; the founding makes roles that can log in, and waits for no quorum", async () => {
    expect(await readRulesets(leader.session)).toEqual({ kind: "none" });
    expect(await readLeadershipLog(leader.session)).toEqual({ records: [], evidence: [] });
    const before = (await observeLeader(leader.session)).flushLsn;
    const lsn = await foundCluster(leader.session, FOUNDING);
    expect(lsn).toBeGreaterThan(before);
    expect(await readRulesets(leader.session)).toEqual({ kind: "rows", rows: [FIRST] });
    const { name, password } = FOUNDING.replication;
    const target = {
      host: "127.0.0.1",
      port: leader.port,
      user: name,
      password,
      applicationName: "n2@2",
      connectTimeoutMs: 2000,
    };
    expect((await identifySystem(target)).timeline).toBe(2n);
    const client = new Client({
      host: "127.0.0.1",
      port: leader.port,
      user: "postgres",
      password: FOUNDING.superuser.password,
      database: "postgres",
    });
    await client.connect();
    await client.end();
    expect(await leader.log()).not.toMatch(/secret/);
  });

  it("are read oldest first, also on a standby; the view shows the newest that was decided", async () => {
    await foundCluster(leader.session, FOUNDING);
    await writeRuleset(leader.session, SECOND);
    expect(await current()).toEqual({ term: "2", subterm: 0, ruleset: RULESET });
    await writeRuleset(leader.session, DECIDED);
    expect(await current()).toEqual({ term: "2", subterm: 1, ruleset: SECOND.ruleset });
    const before = await readLeadershipLog(leader.session);
    expect(before.evidence).toEqual([]);
    await keepEvidence(leader.session, EVIDENCE);
    await keepEvidence(leader.session, { ...EVIDENCE, leader: "n3" });
    const { flushLsn: lsn } = await observeLeader(leader.session);
    const follower = await cluster.node("n2");
    await follower.start({ standby: true });
    await follower.follow(leader, 2n);
    await until("the follower has it", async () => {
      const rows = await follower.session.query<{ ok: boolean }>(
        "select pg_last_wal_replay_lsn() >= $1::pg_lsn as ok",
        [`0/${lsn.toString(16)}`],
      );
      return rows[0]?.ok;
    });
    expect(await readRulesets(follower.session)).toEqual({ kind: "rows", rows: [FIRST, SECOND, DECIDED] });
    expect(await readLeadershipLog(follower.session)).toEqual({ ...before, evidence: [EVIDENCE] });
    expect(before.records.map(({ number, state, cause }) => [number.subterm, state, cause])).toEqual([
      [0, "proposed", "founding"],
      [1, "proposed", "policy"],
      [1, "decided", "policy"],
    ]);
    for (const { at } of before.records) expect(Math.abs(Date.parse(at) - Date.now())).toBeLessThan(600_000);
    await leader.write(`update quorate.leadership_history set evidence = '{"phases": "fast"}'`);
    expect(await readLeadershipLog(leader.session)).toEqual({ ...before, evidence: [] });
  });

  it("are written although a user locks the table, and a trigger forbids it", async () => {
    await foundCluster(leader.session, FOUNDING);
    await leader.write(
      "create function public.no() returns trigger language plpgsql as 'begin raise exception ''no''; end'",
    );
    await leader.write("create trigger no before insert on quorate.ruleset_history execute function public.no()");
    const blocker = await leader.connect();
    blocker.on("lost", () => {});
    await blocker.query("begin");
    await blocker.query("lock table quorate.ruleset_history in access exclusive mode");
    await writeRuleset(leader.session, SECOND);
    expect(await readRulesets(leader.session)).toEqual({ kind: "rows", rows: [FIRST, SECOND] });
  });

  it("survive that somebody drops the schema: it is made again", async () => {
    await foundCluster(leader.session, FOUNDING);
    await leader.write("drop schema quorate cascade");
    expect(await readRulesets(leader.session)).toEqual({ kind: "none" });
    await writeRuleset(leader.session, SECOND);
    expect(await readRulesets(leader.session)).toEqual({ kind: "rows", rows: [SECOND] });
    expect(await current()).toMatchObject({ subterm: 1 });
  });

  it("do not make a proposal the first one where somebody dropped or emptied the table: what stands goes before it", async () => {
    const standing = [FIRST, { ...FIRST, state: "decided", ruleset: null } as const];
    const cause = "it was gone from the table, and is written again";
    await foundCluster(leader.session, FOUNDING);
    await writeRuleset(leader.session, SECOND, standing);
    expect(await readRulesets(leader.session)).toEqual({ kind: "rows", rows: [FIRST, SECOND] });
    for (const meddling of ["drop schema quorate cascade", "delete from quorate.ruleset_history"]) {
      await leader.write(meddling);
      await writeRuleset(leader.session, SECOND, standing);
      const rows = [...standing.map((record) => ({ ...record, cause })), SECOND];
      expect(await readRulesets(leader.session)).toEqual({ kind: "rows", rows });
      expect(await current()).toEqual({ term: "2", subterm: 0, ruleset: RULESET });
    }
  });

  it("that somebody tampered with are damaged, with the row named", async () => {
    await foundCluster(leader.session, FOUNDING);
    await leader.write(`update quorate.ruleset_history set ruleset = '{"policy": {"kind": "whim"}, "cohort": []}'`);
    const read = await readRulesets(leader.session);
    expect(read).toMatchObject({
      kind: "damaged",
      reason: expect.stringMatching(/^row 1 of quorate\.ruleset_history/),
    });
  });

  it("name a prepared transaction that holds the lock, which no signal ends", async () => {
    await leader.stop();
    await leader.start({ standby: true, settings: { max_prepared_transactions: "2" } });
    await leader.promote(3n);
    await foundCluster(leader.session, FOUNDING);
    await leader.write(
      "begin; lock table quorate.ruleset_history in access exclusive mode; prepare transaction 'stuck'",
    );
    await expect(writeRuleset(leader.session, SECOND)).rejects.toThrow(/ROLLBACK PREPARED/);
    await leader.write("rollback prepared 'stuck'");
    await writeRuleset(leader.session, SECOND);
  });
});
