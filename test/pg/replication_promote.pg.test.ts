import { access, copyFile, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { contains } from "../../src/core/log/history.js";
import { parseLsn } from "../../src/core/log/lsn.js";
import { readControlData } from "../../src/postgres/control_data.js";
import { observe, observeLeader, observeStandby } from "../../src/postgres/observe.js";
import { checkpoint } from "../../src/postgres/promote.js";
import { historyFileName, readHistory } from "../../src/postgres/replication/history_file.js";
import { segmentName } from "../../src/postgres/replication/segment_name.js";
import { ensureSlots, keepSlots, slotName } from "../../src/postgres/slots.js";
import { Cluster, INSTALLATIONS } from "./replication_cluster.js";
import { type Node, namesOf, seatOf, until } from "./replication_node.js";

async function historyFilesOf(node: Node): Promise<string[]> {
  return (await readdir(join(node.dataDir, "pg_wal"))).filter((name) => name.endsWith(".history")).sort();
}

describe.each(INSTALLATIONS)("a term: $title", (installation) => {
  let cluster: Cluster;
  let n1: Node;
  let n2: Node;

  beforeAll(async () => {
    cluster = await Cluster.create(installation);
  });
  afterAll(() => cluster?.destroy());
  beforeEach(async () => {
    n1 = await cluster.node("n1");
    n2 = await cluster.node("n2");
    await Promise.all([n1, n2].map((node) => node.start({ standby: true })));
  });
  afterEach(() => cluster.reset());

  async function establish(): Promise<void> {
    await n1.promote(2n, { followers: ["n2"] });
    await n2.follow(n1, 2n);
    await n1.write("create table public.t(i int)");
    await caughtUp(n1, n2);
  }

  async function caughtUp(leader: Node, follower: Node): Promise<void> {
    const end = await observeLeader(leader.session);
    await until(`${follower.id} replayed it`, async () => {
      const { replayLsn } = await observeStandby(follower.session);
      return replayLsn !== null && replayLsn >= end.flushLsn;
    });
  }

  it("is the timeline, over a gap of burnt terms, and the running leader would restart as a standby", async () => {
    const position = await n1.position();
    expect(position.timeline).toBe(1n);
    const promoted = await n1.promote(7n, { followers: ["n2"] });
    expect(promoted.history).toEqual({ timeline: 7n, ancestors: [{ timeline: 1n, end: position.lsn }] });
    expect(promoted.switchLsn).toBe(position.lsn);
    expect(promoted.flushLsn).toBeGreaterThan(position.lsn);
    expect(await historyFilesOf(n1)).toEqual([2n, 3n, 4n, 5n, 6n, 7n].map(historyFileName));
    await access(join(n1.dataDir, "standby.signal"));
    await expect(access(join(n1.dataDir, "promote"))).rejects.toThrow();
    await checkpoint(n1.session);
    await n2.follow(n1, 7n);
    await caughtUp(n1, n2);
    const leader = await observe(n1.session);
    expect(leader).toMatchObject({
      kind: "leader",
      walsenders: [{ applicationName: "n2@7", slot: slotName(seatOf("n2")), state: "streaming" }],
    });
    const standby = await observe(n2.session);
    expect(standby).toMatchObject({
      kind: "standby",
      walreceiver: { slot: slotName(seatOf("n2")), senderPort: n1.port, receivedTimeline: 7n },
    });
  });

  it("goes on in the segments that were put aside for the timeline before", async () => {
    const { timeline, lsn } = await n1.position();
    const segmentBytes = BigInt((await readControlData(n1.dataDir)).walSegmentBytes);
    const wal = join(n1.dataDir, "pg_wal");
    const name = (term: bigint, ahead: bigint) =>
      segmentName({ timeline: term, number: lsn / segmentBytes + ahead }, segmentBytes);
    const full = await readFile(join(wal, name(timeline, 0n)));
    const segments = async () => (await readdir(wal)).filter((file) => file.length === name(2n, 0n).length).sort();
    // There may be others from the start on.
    for (const ahead of [1n, 9n]) await writeFile(join(wal, name(timeline, ahead)), full);
    await cluster.giveAll(wal);
    const aside = (await segments()).filter((file) => file > name(timeline, 0n)).length;
    await n1.promote(2n, { followers: ["n2"] });
    const expected = Array.from({ length: aside + 1 }, (_, ahead) => name(2n, BigInt(ahead)));
    expect((await segments()).filter((file) => file > name(timeline, 0n))).toEqual(expected);
    await n2.follow(n1, 2n);
    await n1.write("create table public.t(i int)");
    for (let i = 0; i < 3; i++) {
      await n1.session.query("select pg_switch_wal()");
      await n1.write(`insert into public.t values (${i})`);
    }
    await caughtUp(n1, n2);
    // What it wrote into them is what a crash finds.
    await n1.kill();
    await n1.start({ standby: true });
    expect(await n1.session.query("select i from public.t order by i")).toEqual([{ i: 0 }, { i: 1 }, { i: 2 }]);
  });

  it("is refused where the position moved, the names are empty, or Postgres leads already", async () => {
    const position = await n1.position();
    expect(await n1.tryPromote(2n, { position: { ...position, lsn: position.lsn - 8n } })).toMatchObject({
      kind: "refused",
      code: "position_moved",
    });
    expect(await n1.tryPromote(2n, { position, names: "" })).toMatchObject({ kind: "refused", code: "names" });
    await n1.promote(2n);
    expect(await n1.tryPromote(3n, { position })).toMatchObject({ kind: "refused", code: "not_in_recovery" });
  });

  it("trap 4: a node that adopted a timeline it never reached is refused, where Postgres would write a lying history", async () => {
    await establish();
    await n2.revoke();
    const held = await n2.position();
    await writeFile(join(n2.dataDir, "pg_wal", historyFileName(3n)), "2\t0/7000000\tno recovery target specified\n");
    expect(await n2.tryPromote(5n, { position: held })).toMatchObject({ kind: "refused", code: "history_above" });
  });

  it("trap 4, without the check: the history claims the timeline", async () => {
    await establish();
    await n1.write("insert into public.t select generate_series(1, 10)");
    await caughtUp(n1, n2);
    await n2.revoke();
    const held = await n2.position();
    await writeFile(join(n2.dataDir, "pg_wal", historyFileName(3n)), "2\t0/7000000\tno recovery target specified\n");
    await cluster.giveAll(n2.dataDir);
    // The startup process adopts the newest timeline the next time it looks.
    await n2.session.query("select pg_reload_conf()");
    await until("it adopted timeline 3", async () => (await n2.log()).includes("new target timeline is 3"));
    await n2.session.query("select pg_promote(false)");
    await until("it leads", async () => !(await n2.recovering()));
    const lying = await readHistory(n2.dataDir, 4n);
    expect(lying.kind).toBe("refused");
    expect(held.timeline).toBe(2n);
  });

  it("trap 6: an emptied primary_conninfo does not stop a walreceiver whose replay is paused; revoke does", async () => {
    await establish();
    await n2.session.query("select pg_wal_replay_pause()");
    await n2.setAutoConf({ primary_conninfo: "" });
    await n2.session.query("select pg_reload_conf()");
    await n1.write("insert into public.t values (1)");
    const before = await observeStandby(n2.session);
    await until("it still receives", async () => {
      const now = await observeStandby(n2.session);
      return now.walreceiver !== null && (now.receiveLsn ?? 0n) > (before.replayLsn ?? 0n);
    });
    await n2.revoke();
    const position = await n2.position();
    expect((await observeStandby(n2.session)).walreceiver).toBeNull();
    expect((await observeLeader(n1.session)).flushLsn).toBe(position.lsn);
    const rows = await n2.session.query("select i from public.t");
    expect(rows).toEqual([{ i: 1 }]);
  });

  it("trap 12: a follower that adopted a timeline without a record of it has its last record in the parent", async () => {
    const n3 = await cluster.node("n3");
    await n3.start({ standby: true });
    await establish();
    await n3.follow(n1, 2n, { slot: true });
    // A clean stop waits for those that stream, and for nobody who has not dialled yet.
    await caughtUp(n1, n3);
    await n1.stop();
    await n2.revoke();
    await n3.revoke();
    const held = await n2.position();
    expect(held.timeline).toBe(2n);
    expect(await n3.position()).toEqual(held);
    const promoted = await n2.promote(5n, { followers: ["n3"] });
    expect(promoted.switchLsn).toBe(held.lsn);
    // Postgres looks for the newest timeline without skipping a number, so the placeholders come along.
    for (const name of await historyFilesOf(n2)) {
      await copyFile(join(n2.dataDir, "pg_wal", name), join(n3.dataDir, "pg_wal", name));
    }
    await cluster.giveAll(n3.dataDir);
    await n3.session.query("select pg_reload_conf()");
    await until("it adopted timeline 5", async () => (await n3.log()).includes("new target timeline is 5"));
    expect(await n3.position()).toEqual(held);
    // The promotion itself wrote the first record of the new timeline.
    await n3.follow(n2, 5n);
    await caughtUp(n2, n3);
    await n3.revoke();
    const followed = await n3.position();
    expect(followed.timeline).toBe(5n);
    expect(followed.lsn).toBeGreaterThan(promoted.switchLsn);
    expect(contains(promoted.history, followed)).toBe(true);
    expect(contains(promoted.history, held)).toBe(true);
  });

  it("trap 22: sessions open on a standby are ended before they become writable; ours stay", async () => {
    const session = await n1.connect();
    let lost = false;
    session.on("lost", () => {
      lost = true;
    });
    await session.query("select 1");
    await n1.promote(2n);
    await until("the client was disconnected", async () => lost);
    expect(await n1.recovering()).toBe(false);
  });

  it("trap 17: two connections under one name; the slot lets in only one of them", async () => {
    await establish();
    await n1.session.query("select pg_create_physical_replication_slot('x', true)");
    const twin = await cluster.node("twin");
    await twin.start({ standby: true });
    const connect = (slot: string) =>
      twin.setAutoConf({
        primary_conninfo: `host=${n1.home} port=${n1.port} user=postgres application_name=n2@2`,
        primary_slot_name: slot,
      });
    const count = async () =>
      (
        await n1.session.query(
          "select 1 from pg_stat_replication where application_name = 'n2@2' and state = 'streaming'",
        )
      ).length;
    await connect("");
    await twin.session.query("select pg_reload_conf()");
    await until("without slots the name counts twice", async () => (await count()) === 2);
    await twin.revoke();
    await connect(slotName(seatOf("n2")));
    await twin.session.query("select pg_reload_conf()");
    await until("the slot is refused", async () =>
      (await twin.log()).includes(`replication slot "${slotName(seatOf("n2"))}" is active`),
    );
    // The walsender of before is counted until it has seen that its receiver is gone.
    await until("with it the name counts once", async () => (await count()) === 1);
  });

  it("keeps slots that exist; a follower keeps and moves its own, and lets go of those that are nobody's", async () => {
    await n1.promote(2n, { followers: ["n2", "n-3"] });
    expect(await ensureSlots(n1.session, ["n2", "n-3", "n4"].map(seatOf))).toEqual([slotName(seatOf("n4"))]);
    await n2.follow(n1, 2n);
    // What a leader leaves behind when it follows, and a slot of the user's.
    await ensureSlots(n2.session, [seatOf("n1"), seatOf("n9")]);
    await n2.session.query("select pg_create_physical_replication_slot('quorates_own', true)");
    await n1.session.query("set synchronous_commit to local");
    await n1.session.query(
      "create table public.filler as select i, repeat('x', 500) as t from generate_series(1, 60000) i",
    );
    await n1.session.query("checkpoint");
    const slots = async () =>
      n2.session.query<{ slot_name: string; lag: string; flushed: string }>(
        `select slot_name, pg_wal_lsn_diff(pg_last_wal_replay_lsn(), restart_lsn) as lag,
                pg_last_wal_replay_lsn() as flushed from pg_replication_slots order by 1`,
      );
    await until("the follower has replayed it", async () => (await slots()).every((row) => Number(row.lag) > 20e6));
    const [{ flushed } = { flushed: "" }] = await slots();
    const kept = (has: string | null) =>
      ["n1", "n3"].map((id) => ({ seat: seatOf(id), has: has === null || id === "n3" ? null : parseLsn(has) }));
    await keepSlots(n2.session, kept(flushed));
    const before = await slots();
    expect(before.map((row) => row.slot_name)).toEqual([
      slotName(seatOf("n1")),
      slotName(seatOf("n3")),
      "quorates_own",
    ]);
    expect(Number(before[0]?.lag), "what a restart would begin with is kept").toBeGreaterThan(20e6);
    const moved = async () => (await slots()).map((row) => [row.slot_name, Number(row.lag) < 16e6]);
    const redo =
      "select pg_wal_lsn_diff(pg_last_wal_replay_lsn(), redo_lsn) < 1e6 as near from pg_control_checkpoint()";
    await until("a restart would begin later", async () => {
      await n2.session.query("checkpoint");
      return (await n2.session.query<{ near: boolean }>(redo))[0]?.near === true;
    });
    await keepSlots(n2.session, kept(null));
    expect((await moved())[0], "how far n1 has come is not known").toEqual([slotName(seatOf("n1")), false]);
    await keepSlots(n2.session, kept(flushed));
    expect(await moved()).toEqual([
      [slotName(seatOf("n1")), true],
      [slotName(seatOf("n3")), false],
      ["quorates_own", false],
    ]);
  });

  it("the names of a term are in force from its first commit on: nobody is there to acknowledge, so it waits", async () => {
    await n1.promote(2n, { names: namesOf([n2], 2n), followers: ["n2"] });
    const client = await n1.connect();
    let acknowledged = false;
    const waiting = client.query("create table public.first(i int)").then(() => {
      acknowledged = true;
    });
    await until("the commit waits for the quorum", async () => {
      const rows = await n1.session.query("select 1 from pg_stat_activity where wait_event = 'SyncRep'");
      return rows.length === 1;
    });
    expect(acknowledged).toBe(false);
    await n2.follow(n1, 2n);
    await waiting;
    await client.close();
  });

  it("what was received but not replayed belongs to the position", async () => {
    await establish();
    const startup = (
      await n2.session.query<{ pid: number }>("select pid from pg_stat_activity where backend_type = 'startup'")
    )[0]?.pid;
    if (startup === undefined) throw new Error("no startup process");
    process.kill(startup, "SIGSTOP");
    try {
      await n1.write("insert into public.t select generate_series(1, 5000)");
      const end = await observeLeader(n1.session);
      await until("n2 received it all", async () => (await observeStandby(n2.session)).receiveLsn === end.flushLsn);
      const stopped = await observeStandby(n2.session);
      expect(stopped.replayLsn).toBeLessThan(end.flushLsn);
      const revoked = n2.revoke();
      // The startup process wakes up after the walreceiver is gone.
      await until("the walreceiver is gone", async () => (await observeStandby(n2.session)).walreceiver === null);
      await revoked;
      process.kill(startup, "SIGCONT");
      expect(await n2.position()).toEqual({ timeline: 2n, lsn: end.flushLsn });
    } finally {
      process.kill(startup, "SIGCONT");
    }
  });

  it("a partial last record does not belong to the position, and costs no waiting", async () => {
    await establish();
    const held = await observeLeader(n1.session);
    const megabytes = 48;
    const writing = n1.write(`select pg_logical_emit_message(false, 'big', repeat('x', ${megabytes * 1024 * 1024}))`);
    await until("a part of it arrived", async () => {
      const { receiveLsn } = await observeStandby(n2.session);
      return receiveLsn !== null && receiveLsn > held.flushLsn + 1024n * 1024n;
    });
    await n2.revoke();
    const position = await n2.position();
    await writing;
    const standby = await observeStandby(n2.session);
    expect(standby.receiveLsn).toBeGreaterThan(position.lsn);
    expect(position).toEqual({ timeline: 2n, lsn: held.flushLsn });
    const promoted = await n2.promote(3n, { position });
    expect(promoted.switchLsn).toBe(held.flushLsn);
  });

  it("a promotion asked for at the moment the walreceiver dies is not swallowed", async () => {
    await n1.promote(2n, { followers: ["n2"] });
    let leader = n1;
    let follower = n2;
    for (let term = 3n; term < 9n; term++) {
      await follower.setAutoConf({ wal_retrieve_retry_interval: "5s" });
      await follower.follow(leader, term - 1n);
      await caughtUp(leader, follower);
      await leader.stop();
      await follower.revoke();
      const promoted = await follower.promote(term, { followers: [leader.id] });
      expect(promoted.recoveryMs).toBeLessThan(2000);
      [leader, follower] = [follower, leader];
      await follower.start({ standby: true });
    }
  });
});
