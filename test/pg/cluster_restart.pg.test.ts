import { describe, expect, test } from "vitest";
import { sendSignal } from "../../src/demo/proc_files.js";
import { HEAL_MS, type TestCluster } from "./cluster/cluster.js";
import { order } from "./cluster/cohort_order.js";
import { loadOn, sharedCluster } from "./cluster/scenarios.js";
import { waitFor } from "./cluster/waiting.js";

describe("a sidecar is started again, and its Postgres has gone on", () => {
  // A killed sidecar says nothing before: its lease is how long it has to be back, on a busy machine as well.
  const shared = sharedCluster({ detect: "6s" });

  test("all three, one after the other, by SIGTERM and under load: no term, no error, no Postgres less", async () => {
    const cluster = shared();
    const { leader, term } = await cluster.healed();
    const load = await loadOn(cluster);
    const before = postmasters(cluster);
    // Whoever looks for the leader at the beginning is sent away by the others.
    const troubles = () => load.ledger.get("refused").length + load.ledger.get("unknown").length;
    const troubled = troubles();
    for (const id of [...cluster.others(leader), leader]) {
      expect(await cluster.stopSidecar(id)).toBe("exit code 0");
      expect(postmasters(cluster)).toEqual(before);
      // Longer than a silence that would make a suspicion, and the others name the leader, and say why it is silent.
      if (id === leader)
        await cluster.untilStatus("the leader's sidecar to be missed", ({ leader: named, nodes }) => {
          const node = nodes.find((n) => n.id === id);
          return named === id && (node?.seen_age_ms ?? 0) > 7000 && /restarted/.test(node?.why_not ?? "");
        });
      await load.goesOn();
      cluster.start(id);
      await cluster.healed();
    }
    await load.settle();
    expect(postmasters(cluster)).toEqual(before);
    const after = await cluster.healed();
    expect([after.leader, after.term]).toEqual([leader, term]);
    expect(troubles()).toBe(troubled);
    for (const id of cluster.ids) expect(cluster.marks(id, "adopted").length, id).toBe(1);
  });

  test("killed on each role, and after the rules have changed: started again at once it goes on, in the same term", async () => {
    const cluster = shared();
    const { leader, term } = await cluster.healed();
    const load = await loadOn(cluster);
    const [follower = "", other = ""] = cluster.others(leader);
    const before = postmasters(cluster);
    const troubles = () => load.ledger.get("refused").length + load.ledger.get("unknown").length;
    const troubled = troubles();
    const goesOn = async (id: string, end: () => Promise<unknown>) => {
      const adopted = cluster.marks(id, "adopted").length;
      await end();
      cluster.start(id);
      await waitFor(`${id} to go on`, HEAL_MS, () => cluster.marks(id, "adopted").length > adopted);
      const after = await cluster.healed();
      expect([after.leader, after.term]).toEqual([leader, term]);
      expect(postmasters(cluster)).toEqual(before);
      await load.goesOn();
    };
    for (const id of [follower, leader]) await goesOn(id, () => cluster.killSidecar(id));
    // Its records alone do not tell whether the rules before were let go; what was left behind does.
    expect(await order(cluster, "remove", other)).toMatchObject({ code: 0, ok: true });
    await goesOn(leader, () => cluster.stopSidecar(leader));
    expect(await order(cluster, "join", other)).toMatchObject({ code: 0, ok: true });
    await goesOn(leader, () => cluster.killSidecar(leader));
    await load.settle();
    expect(troubles()).toBe(troubled);
    expect((await cluster.healed()).ruleset?.cohort).toEqual([...cluster.ids]);
  });
});

describe("a sidecar that is gone for too long", () => {
  const shared = sharedCluster();

  test("killed or frozen, and nobody starts it: its fuse closes Postgres, and the others elect", async () => {
    const cluster = shared();
    const load = await loadOn(cluster);
    const killed = await cluster.leader();
    await cluster.killSidecar(killed);
    await waitFor("the fuse of the killed one to burn", HEAL_MS, () => cluster.postgresOf(killed).length === 0);
    await cluster.untilLed([killed]);
    cluster.start(killed);
    const { leader: frozen } = await cluster.healed();
    const before = postmasters(cluster)[frozen];
    const sidecar = cluster.sidecarOf(frozen);
    sendSignal(sidecar, "SIGSTOP");
    await waitFor("the fuse of the frozen one to burn", HEAL_MS, () => cluster.postgresOf(frozen).length === 0);
    await cluster.untilLed([frozen]);
    sendSignal(sidecar, "SIGCONT");
    await load.settle();
    expect(postmasters(cluster)[frozen]).not.toBe(before);
  });

  test("its Postgres was ended meanwhile, and its leader: it starts safely, and the others elect", async () => {
    const cluster = shared();
    const { leader } = await cluster.healed();
    const load = await loadOn(cluster);
    const adopted = cluster.marks(leader, "adopted").length;
    await cluster.stopSidecar(leader);
    await cluster.killPostmaster(leader);
    await cluster.untilLed([leader]);
    await load.goesOn();
    cluster.start(leader);
    await load.settle();
    expect(cluster.marks(leader, "adopted").length).toBe(adopted);
  });
});

/** By their numbers, which no other process has while they run. */
function postmasters(cluster: TestCluster): Record<string, number | undefined> {
  return Object.fromEntries(cluster.ids.map((id) => [id, cluster.postgresOf(id)[0]?.pid]));
}
