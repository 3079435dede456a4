import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { connect, hangUp } from "../../src/demo/client.js";
import { HOST } from "../../src/demo/plan.js";
import { sendSignal } from "../../src/demo/proc_files.js";
import { Cables } from "./cluster/cables.js";
import { HEAL_MS, TestCluster } from "./cluster/cluster.js";
import { expectReplayed } from "./cluster/records.js";
import { EagerReader, openSession, openSessions } from "./cluster/sessions.js";
import { waitFor, waitForValue } from "./cluster/waiting.js";

/** More of them say how long a thawed Postgres answers: QUORATE_THAWS=20, and their figures are printed. */
const THAWS = Number(process.env.QUORATE_THAWS ?? 1);
const WAITING =
  "select count(*) from pg_stat_activity where wait_event = 'SyncRep' and application_name like 'waiting%'";

describe("an old leader serves no read once the next one is established", () => {
  let cluster: TestCluster;
  let cables: Cables;
  const acked: number[] = [];
  let next = 1;

  beforeAll(async () => {
    cluster = await TestCluster.create();
    cables = await Cables.lay(cluster);
    cluster.startAll();
    const { leader } = await cluster.healed();
    await cluster.askPostgres(leader, "create table public.leased (n bigint primary key)");
  });
  beforeEach(({ onTestFailed }) => {
    onTestFailed(() => void process.stderr.write(`what the sidecars had to say:\n${cluster.story()}\n`));
  });
  afterEach(() => expectReplayed(cluster));
  afterAll(async () => {
    cables?.mend();
    await cluster?.destroy();
    await cables?.close();
  });

  /** The first write that one of these nodes acknowledges: when, and where. */
  async function firstAck(ids: readonly string[]): Promise<{ readonly atMs: number; readonly leader: string }> {
    return waitForValue("a write to be acknowledged", HEAL_MS, async () => {
      for (const id of ids) {
        const n = next++;
        const client = await connect({ host: HOST, port: cluster.node(id).pgPort }).catch(() => null);
        try {
          await client?.query("insert into public.leased values ($1)", [n]);
          if (client === null) continue;
          const atMs = performance.now();
          acked.push(n);
          return { atMs, leader: id };
        } catch {
          // A follower, or a leader whose door was shut meanwhile: the next one is asked.
        } finally {
          if (client !== null) hangUp(client);
        }
      }
      return null;
    });
  }

  async function expectAllThere(): Promise<void> {
    await cluster.healed();
    const there = `select count(*) from public.leased where n in (${acked.join(", ")})`;
    for (const id of cluster.ids) {
      const all = async () => (await cluster.askPostgres(id, there)) === String(acked.length);
      await waitFor(`${id} to have all that was acknowledged`, HEAL_MS, all);
    }
  }

  test("cut off together with its clients: sessions of every kind are over before the next leader acknowledges anything", async () => {
    const old = await cluster.leader();
    const { pgPort } = cluster.node(old);
    const others = cluster.others(old);
    await firstAck([old]);
    const sessions = [...(await openSessions(pgPort))];
    const reader = new EagerReader();
    reader.start(pgPort);
    const before = new Set(cluster.postgresOf(old).map(({ pid }) => pid));

    cables.isolate(old);
    const cutMs = performance.now();
    sessions.push(await openSession(pgPort, "waiting for its commit", ["insert into public.leased values (0)"]));
    await waitFor("a commit to wait", HEAL_MS, async () => (await cluster.askPostgres(old, WAITING)) === "1");
    const { atMs } = await firstAck(others);

    // By the table of processes: nobody is left whom anybody could ask.
    expect(cluster.postgresOf(old).filter(({ pid }) => before.has(pid))).toEqual([]);
    expect(reader.since(cutMs).length, "reads while nobody else could lead").toBeGreaterThan(0);
    await waitFor("the sessions to be over", HEAL_MS, () => sessions.every(({ over }) => over()));
    expect(cluster.marks(old, "lease_lost").at(-1)?.data.silent).toEqual(others);
    // It starts again behind a shut door, and is asked for all that time.
    await cluster.untilStatus("the old leader to be missed", ({ nodes }) =>
      nodes.some(({ id, reachable }) => id === old && !reachable),
    );
    expect(reader.since(atMs), "reads that the old leader served").toEqual([]);

    cables.mend();
    await expectAllThere();
    await reader.stop();
  });

  test("frozen and thawed: it is ended before it can do more than answer what was asked already", async () => {
    const lastMs: number[] = [];
    for (let thaw = 0; thaw < THAWS; thaw++) {
      const old = await cluster.leader();
      const { pgPort } = cluster.node(old);
      const sessions = await openSessions(pgPort);
      const reader = new EagerReader();
      reader.start(pgPort);
      await waitFor("it to be read", HEAL_MS, () => reader.answers.length > 0);
      const before = cluster.postgresOf(old);
      const killed = new Set(before.map(({ pid }) => pid));
      const lost = cluster.marks(old, "lease_lost").length;

      const frozen = cluster.processesOf(old);
      for (const entry of frozen) sendSignal(entry, "SIGSTOP");
      await firstAck(cluster.others(old));
      const sidecar = cluster.sidecarOf(old);
      for (const entry of frozen) if (entry.pid !== sidecar.pid) sendSignal(entry, "SIGCONT");
      const thawedMs = performance.now();
      sendSignal(sidecar, "SIGCONT");

      await waitFor("everything that was frozen to be gone", HEAL_MS, () => {
        return !cluster.postgresOf(old).some(({ pid }) => killed.has(pid));
      });
      const goneMs = performance.now();
      await waitFor("the sessions to be over", HEAL_MS, () => sessions.every(({ over }) => over()));
      expect(cluster.marks(old, "lease_lost").length).toBe(lost + 1);
      const stale = reader.answers.filter(({ answeredMs }) => answeredMs > thawedMs && answeredMs < goneMs);
      lastMs.push(Math.round(Math.max(0, ...stale.map(({ answeredMs }) => answeredMs - thawedMs))));
      await reader.stop();
      await expectAllThere();
    }
    if (THAWS > 1)
      process.stderr.write(`last read after each thaw, in ms: ${lastMs.sort((a, b) => a - b).join(" ")}\n`);
  });

  test("its Postgres hangs, its sidecar lives: it gives up its term, and is ended before the next leader acknowledges anything", async () => {
    const old = await cluster.leader();
    const sessions = await openSessions(cluster.node(old).pgPort);
    const hanging = cluster.postgresOf(old);
    const killed = new Set(hanging.map(({ pid }) => pid));
    for (const entry of hanging) sendSignal(entry, "SIGSTOP");
    await firstAck(cluster.others(old));
    expect(cluster.postgresOf(old).filter(({ pid }) => killed.has(pid))).toEqual([]);
    await waitFor("the sessions to be over", HEAL_MS, () => sessions.every(({ over }) => over()));
    expect(String(cluster.marks(old, "stepped_down").at(-1)?.data.reason)).toMatch(/^its Postgres has not answered/);
    await expectAllThere();
  });

  test("its sidecar alone is frozen: its fuse ends Postgres before the next leader acknowledges anything", async () => {
    const old = await cluster.leader();
    const { pgPort } = cluster.node(old);
    const sessions = await openSessions(pgPort);
    const reader = new EagerReader();
    reader.start(pgPort);
    await waitFor("it to be read", HEAL_MS, () => reader.answers.length > 0);
    const before = new Set(cluster.postgresOf(old).map(({ pid }) => pid));
    const sidecar = cluster.sidecarOf(old);
    sendSignal(sidecar, "SIGSTOP");
    const frozenMs = performance.now();

    const { atMs } = await firstAck(cluster.others(old));
    expect(cluster.postgresOf(old).filter(({ pid }) => before.has(pid))).toEqual([]);
    expect(reader.since(frozenMs).length, "reads while its lease went on").toBeGreaterThan(0);
    await waitFor("the sessions to be over", HEAL_MS, () => sessions.every(({ over }) => over()));
    expect(reader.since(atMs), "reads that the old leader served").toEqual([]);
    await reader.stop();
    sendSignal(sidecar, "SIGCONT");
    await expectAllThere();
  });
});
