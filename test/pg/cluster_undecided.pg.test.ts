import { describe, expect, test } from "vitest";
import { type ProcEntry, readEntry, sendSignal } from "../../src/demo/proc_files.js";
import { HEAL_MS, type TestCluster } from "./cluster/cluster.js";
import type { Load } from "./cluster/load.js";
import { loadOn, sharedCluster } from "./cluster/scenarios.js";
import { waitFor, waitForValue } from "./cluster/waiting.js";

const WAITING =
  "select count(*) from pg_stat_activity where wait_event = 'SyncRep' and backend_type = 'client backend'";

describe("a leader dies with commits waiting for their quorum: nobody ever reads what was not decided", () => {
  const shared = sharedCluster();

  test("its rows are nowhere else: they vanish with its clone, unread", async () => {
    const cluster = shared();
    const load = await loadOn(cluster);
    const victim = await cluster.leader();
    const followers = cluster.others(victim);
    await cluster.killNodes(followers);
    await untilCommitsWait(cluster, load, victim);
    await cluster.killNode(victim);
    const waiting = await unknownOutcomes(load);
    for (const id of followers) cluster.start(id);
    const leader = await cluster.untilLed([victim]);
    await load.goesOn();
    expect(waiting.filter((n) => load.readers.seen.has(n))).toEqual([]);
    // With the rows in its log, and with readers at its door, it is started again.
    cluster.start(victim);
    await load.settle();
    const kept = await cluster.askPostgres(
      leader,
      `select count(*) from public.demo_ledger where n in (${waiting.join(", ")})`,
    );
    expect(kept).toBe("0");
    expect(waiting.filter((n) => load.readers.seen.has(n))).toEqual([]);
  });

  test("it is started again alone: its door stays shut until the others have decided on its rows", async () => {
    const cluster = shared();
    const load = await loadOn(cluster);
    const victim = await cluster.leader();
    const followers = cluster.others(victim);
    await cluster.killNodes(followers);
    await untilCommitsWait(cluster, load, victim);
    await cluster.killNode(victim);
    const waiting = await unknownOutcomes(load);
    const answered = load.readers.reads(victim);
    cluster.start(victim);
    await untilNamedMissing(cluster, victim, followers);
    expect(load.readers.reads(victim)).toBe(answered);
    expect(waiting.filter((n) => load.readers.seen.has(n))).toEqual([]);
    for (const id of followers) cluster.start(id);
    await load.settle();
  });

  test("only its postmaster dies, and its sidecar starts it again: the same", async () => {
    const cluster = shared();
    const load = await loadOn(cluster);
    const victim = await cluster.leader();
    const followers = cluster.others(victim);
    await cluster.killNodes(followers);
    await untilCommitsWait(cluster, load, victim);
    const [killed] = cluster.postgresOf(victim);
    await cluster.killPostmaster(victim);
    await unknownOutcomes(load);
    await waitFor("its Postgres to run again", HEAL_MS, () => {
      const [postmaster] = cluster.postgresOf(victim);
      return postmaster !== undefined && postmaster.pid !== killed?.pid;
    });
    await untilNamedMissing(cluster, victim, followers);
    await expect(cluster.askPostgres(victim, "select 1")).rejects.toThrow();
    for (const id of followers) cluster.start(id);
    await load.settle();
  });

  test("both followers' walreceivers are frozen when it dies: what they had in hand decides", async () => {
    const cluster = shared();
    const load = await loadOn(cluster);
    const victim = await cluster.leader();
    const receivers: ProcEntry[] = [];
    for (const id of cluster.others(victim)) receivers.push(await walreceiverOf(cluster, id));
    for (const receiver of receivers) sendSignal(receiver, "SIGSTOP");
    await untilCommitsWait(cluster, load, victim);
    await cluster.killNode(victim);
    for (const receiver of receivers) sendSignal(receiver, "SIGCONT");
    await cluster.untilLed([victim]);
    await load.goesOn();
    cluster.start(victim);
    await load.settle();
  });
});

/** Until the one that is left runs, and says whom it needs. */
async function untilNamedMissing(cluster: TestCluster, left: string, missing: readonly string[]): Promise<void> {
  await cluster.untilStatus("the missing nodes to be named", ({ blocked, nodes }) => {
    const alone = nodes.find(({ id }) => id === left);
    return alone?.postgres === "running" && missing.every((id) => blocked?.missing.includes(id));
  });
}

/** Until a client's commit waits on this leader, which nobody follows any more. */
async function untilCommitsWait(cluster: TestCluster, load: Load, leader: string): Promise<void> {
  await waitFor("commits to wait", HEAL_MS, async () => Number(await cluster.askPostgres(leader, WAITING)) > 0);
  expect(load.ledger.get("acked").length).toBeGreaterThan(0);
}

/** The rows whose clients were cut off: at least those that waited. */
async function unknownOutcomes(load: Load): Promise<readonly number[]> {
  return waitForValue("the clients to have been cut off", HEAL_MS, () => {
    const unknown = load.ledger.get("unknown");
    return unknown.length > 0 ? [...unknown] : null;
  });
}

async function walreceiverOf(cluster: TestCluster, id: string): Promise<ProcEntry> {
  const pid = await cluster.askPostgres(id, "select pid from pg_stat_wal_receiver where status = 'streaming'");
  const entry = pid === null ? null : readEntry(Number(pid));
  if (entry === null) throw new Error(`${id} has no walreceiver`);
  return entry;
}
