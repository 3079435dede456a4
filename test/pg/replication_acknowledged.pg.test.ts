import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { contains } from "../../src/core/log/history.js";
import { observeLeader, observeStandby } from "../../src/postgres/observe.js";
import { putNamesInForce } from "../../src/postgres/sync_names.js";
import { Cluster, INSTALLATIONS } from "./replication_cluster.js";
import { type Node, namesOf, until } from "./replication_node.js";

describe.each(INSTALLATIONS)("who acknowledges: $title", (installation) => {
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

  async function caughtUp(leader: Node, follower: Node): Promise<void> {
    const end = await observeLeader(leader.session);
    await until(`${follower.id} replayed it`, async () => {
      const { replayLsn } = await observeStandby(follower.session);
      return replayLsn !== null && replayLsn >= end.flushLsn;
    });
  }

  async function putNames(names: string) {
    return putNamesInForce({ session: n1.session, ways: n1.ways, names, deadlineMs: 4000 });
  }

  it("trap 1: a diverged follower acknowledges what it never got; its position is not contained, so it is not let in", async () => {
    await n1.promote(2n, { followers: ["n2"] });
    await n2.follow(n1, 2n);
    await n1.write("create table public.t(i int)");
    await caughtUp(n1, n2);
    await n2.revoke();
    // The old leader has a tail that nobody else has, in the segment of the switch point.
    await n1.write("insert into public.t select generate_series(1, 500)");
    await n1.stop();
    await n1.start({ standby: true });
    const diverged = await n1.position();
    const promoted = await n2.promote(3n, { names: namesOf([n1], 3n), followers: ["n1"] });
    expect(contains(promoted.history, diverged)).toBe(false);

    await n1.dial(n2, 3n);
    const client = await n2.connect();
    await client.query("insert into public.t values (-1)");
    await client.close();
    const rows = await n1.session.query("select i from public.t where i = -1");
    expect(rows).toEqual([]);
  });

  it("trap 15: behind the barrier no commit is acknowledged under the old names", async () => {
    await n1.promote(2n, { names: namesOf([n2], 2n), followers: ["n2"] });
    await n2.follow(n1, 2n);
    const strict = 'ANY 1 ("quorate_nobody")';
    expect(await putNames(strict)).toMatchObject({ kind: "in_force" });
    const client = await n1.connect();
    let acknowledged = false;
    const waiting = client.query("create table public.late(i int)").then(() => {
      acknowledged = true;
    });
    await until("the commit waits, and its WAL was flushed by the follower", async () => {
      const waits = await n1.session.query("select 1 from pg_stat_activity where wait_event = 'SyncRep'");
      const { flushLsn, walsenders } = await observeLeader(n1.session);
      return waits.length === 1 && walsenders[0]?.flushLsn === flushLsn;
    });
    expect(acknowledged).toBe(false);
    expect(await putNames(namesOf([n2], 2n))).toMatchObject({ kind: "in_force" });
    await waiting;
    await client.close();
  });

  it("trap 15: a walsender frozen across the reload is ended, or the barrier does not open", async () => {
    await n1.promote(2n, { names: namesOf([n2], 2n), followers: ["n2"] });
    await n2.follow(n1, 2n);
    const walsender = (await observeLeader(n1.session)).walsenders[0]?.backendPid;
    if (walsender === undefined) throw new Error("no walsender");
    process.kill(walsender, "SIGSTOP");
    try {
      const outcome = await putNames('ANY 1 ("quorate_nobody")');
      expect(outcome).toMatchObject({ kind: "failed", holdouts: [`n2@2 (pid ${walsender})`] });
    } finally {
      process.kill(walsender, "SIGCONT");
    }
    await until("its successor streams", async () => {
      const { walsenders } = await observeLeader(n1.session);
      return walsenders.some((row) => row.backendPid !== walsender && row.state === "streaming");
    });
    expect(await putNames('ANY 1 ("quorate_other")')).toMatchObject({ kind: "in_force" });
  });

  it("trap 16: empty names are refused, and so is leaving them", async () => {
    await n1.promote(2n);
    expect(await putNames("")).toMatchObject({ kind: "failed" });
    await n1.setAutoConf({ synchronous_standby_names: "" });
    await n1.session.query("select pg_reload_conf()");
    await until("the names are empty", async () => {
      const rows = await n1.session.query<{ synchronous_standby_names: string }>("show synchronous_standby_names");
      return rows[0]?.synchronous_standby_names === "";
    });
    expect(await putNames(namesOf([n2], 2n))).toMatchObject({
      kind: "failed",
      reason: expect.stringMatching(/start this Postgres safely/),
    });
  });

  it("trap 10: a follower without the placeholders streams over a gap of terms that the leader filled", async () => {
    await n1.promote(40n, { followers: ["n2"] });
    await n2.follow(n1, 40n);
    await n1.write("create table public.t(i int)");
    await caughtUp(n1, n2);
    await n2.revoke();
    expect((await n2.position()).timeline).toBe(40n);
  });

  it("trap 13: after a reconnection a small record releases whoever waits", async () => {
    await n1.promote(2n, { names: namesOf([n2], 2n), followers: ["n2"] });
    await n2.follow(n1, 2n);
    await caughtUp(n1, n2);
    await n2.revoke();
    const client = await n1.connect();
    const waiting = client.query("create table public.waits(i int)");
    await until(
      "the commit waits",
      async () => (await n1.session.query("select 1 from pg_stat_activity where wait_event = 'SyncRep'")).length === 1,
    );
    await n2.follow(n1, 2n);
    await n1.write("select pg_logical_emit_message(true, 'quorate', 'mark')");
    await waiting;
    await client.close();
  });
});
