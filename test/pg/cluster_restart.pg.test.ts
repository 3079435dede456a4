import { describe, expect, test } from "vitest";
import { sendSignal } from "../../src/demo/proc_files.js";
import { HEAL_MS, type TestCluster } from "./cluster/cluster.js";
import { loadOn, sharedCluster } from "./cluster/scenarios.js";
import { waitFor } from "./cluster/waiting.js";

describe("a sidecar is started again, and its Postgres has gone on", () => {
  // A killed sidecar says nothing before: it has so long to be back.
  const shared = sharedCluster({ detect: "4s" });

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
          return named === id && (node?.seen_age_ms ?? 0) > 5000 && /restarted/.test(node?.why_not ?? "");
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

  test("killed on each role, and started again at once: a follower's Postgres goes on, a leader's has no lease", async () => {
    const cluster = shared();
    const { leader, term } = await cluster.healed();
    const load = await loadOn(cluster);
    const [follower = ""] = cluster.others(leader);
    const before = postmasters(cluster);
    const adopted = () => [follower, leader].map((id) => cluster.marks(id, "adopted").length);
    const [byFollower = 0, byLeader = 0] = adopted();
    await cluster.killSidecar(follower);
    cluster.start(follower);
    await cluster.healed();
    expect(adopted()).toEqual([byFollower + 1, byLeader]);
    expect(postmasters(cluster)).toEqual(before);
    // It said nothing before it died: what it was granted nobody knows, and a read under it might be a stale one.
    await cluster.killSidecar(leader);
    cluster.start(leader);
    const ended = () => cluster.marks(leader, "not_adopted").some(({ text }) => /lease/.test(text));
    await waitFor("the leader's Postgres to be ended", HEAL_MS, ended);
    await load.goesOn();
    await load.settle();
    const after = await cluster.healed();
    expect(after.term).toBeGreaterThan(Number(term));
    expect(adopted()).toEqual([byFollower + 1, byLeader]);
  });

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
