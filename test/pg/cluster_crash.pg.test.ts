import { describe, test } from "vitest";
import { expectFencedAnew } from "./cluster/expectations.js";
import { expectExplained, expectTold } from "./cluster/insight.js";
import { loadOn, sharedCluster } from "./cluster/scenarios.js";

describe("something of a cluster under load dies", () => {
  const shared = sharedCluster();

  test("the leader's postmaster: another one leads, and it comes back by itself", async () => {
    const cluster = shared();
    const load = await loadOn(cluster);
    const victim = await cluster.leader();
    await cluster.killPostmaster(victim);
    const successor = await cluster.untilLed([victim]);
    await load.settle();
    await expectTold(cluster, victim, successor);
  });

  test("the leader's node: another one leads, and it comes back when it is started again", async () => {
    const cluster = shared();
    const load = await loadOn(cluster);
    const victim = await cluster.leader();
    await cluster.killNode(victim);
    await cluster.untilLed([victim]);
    await load.goesOn();
    cluster.start(victim);
    await load.settle();
  });

  test("a follower's Postgres: it comes back by itself, under the same leader", async ({ expect }) => {
    const cluster = shared();
    const load = await loadOn(cluster);
    const { leader, term } = await cluster.healed();
    const [victim = ""] = cluster.others(leader);
    const [before] = cluster.postgresOf(victim);
    await cluster.killPostmaster(victim);
    await load.settle();
    const after = await cluster.healed();
    expect([after.leader, after.term]).toEqual([leader, term]);
    expect(cluster.postgresOf(victim)[0]?.pid).not.toBe(before?.pid);
  });

  test("a follower's node: commits go on, and it comes back when it is started again", async ({ expect }) => {
    const cluster = shared();
    const load = await loadOn(cluster);
    const { leader, term } = await cluster.healed();
    const [victim = ""] = cluster.others(leader);
    await cluster.killNode(victim);
    await cluster.untilStatus(`${victim} to be missed`, ({ nodes }) =>
      nodes.some(({ id, reachable }) => id === victim && !reachable),
    );
    await expectExplained(cluster, leader, victim);
    await load.goesOn();
    cluster.start(victim);
    await load.settle();
    const after = await cluster.healed();
    expect([after.leader, after.term]).toEqual([leader, term]);
  });

  test("the leader's sidecar alone: the others elect, and started again it fences what it finds", async () => {
    const cluster = shared();
    const load = await loadOn(cluster);
    const victim = await cluster.leader();
    const orphaned = cluster.postgresOf(victim);
    await cluster.killSidecar(victim);
    // Without its sidecar the old one still takes writes and acknowledges none: some clients hang there meanwhile.
    await cluster.untilLed([victim]);
    cluster.start(victim);
    await load.settle();
    expectFencedAnew(cluster, victim, orphaned);
  });

  test("the leader's sidecar alone, started again at once, before anybody missed it", async () => {
    const cluster = shared();
    const load = await loadOn(cluster);
    const victim = await cluster.leader();
    const orphaned = cluster.postgresOf(victim);
    await cluster.killSidecar(victim);
    cluster.start(victim);
    await load.settle();
    expectFencedAnew(cluster, victim, orphaned);
  });

  test("a follower's sidecar alone: commits go on, and started again it goes on with what it finds", async ({
    expect,
  }) => {
    const cluster = shared();
    const load = await loadOn(cluster);
    const { leader, term } = await cluster.healed();
    const [victim = ""] = cluster.others(leader);
    const [postmaster] = cluster.postgresOf(victim);
    await cluster.killSidecar(victim);
    await load.goesOn();
    cluster.start(victim);
    await load.settle();
    const after = await cluster.healed();
    expect(cluster.postgresOf(victim)[0]?.pid).toBe(postmaster?.pid);
    expect(cluster.marks(victim, "adopted").length).toBeGreaterThan(0);
    expect([after.leader, after.term]).toEqual([leader, term]);
  });
});
