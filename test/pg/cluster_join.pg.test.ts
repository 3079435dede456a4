import { rm } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { HEAL_MS, type TestCluster } from "./cluster/cluster.js";
import { order } from "./cluster/cohort_order.js";
import { quorate } from "./cluster/command.js";
import { loadOn, sharedCluster } from "./cluster/scenarios.js";
import { waitFor } from "./cluster/waiting.js";

describe("nodes come and go while the cluster runs", () => {
  const shared = sharedCluster();

  test("a follower's disk is lost, then the leader's: each comes back by itself as a new node, and counts", async () => {
    const cluster = shared();
    const { leader, system_identifier } = await cluster.healed();
    const load = await loadOn(cluster);
    const [wiped = "", other = ""] = cluster.others(leader);
    await comesBack(cluster, wiped);
    await load.goesOn();
    // Nothing is acknowledged any more without the new one: it alone is left to follow.
    await cluster.killNode(other);
    await load.goesOn();
    cluster.start(other);
    await cluster.healed();
    await cluster.killNode(leader);
    await cluster.untilLed([leader]);
    await load.goesOn();
    await comesBack(cluster, leader);
    await load.settle();
    const after = await cluster.healed();
    expect(after.system_identifier).toBe(system_identifier);
    expect(after.ruleset).toMatchObject({ decided: true, cohort: ["n1", "n2", "n3"] });
  });

  test("a node joins that no other one's configuration names; dead ones and the leader are removed", async () => {
    const cluster = shared();
    const { leader } = await cluster.healed();
    const [dead = "", other = ""] = cluster.others(leader);
    const added = await cluster.grow();
    cluster.start(added);
    await cluster.untilStatus(`${added} to stream as an observer`, ({ nodes }) =>
      nodes.some(({ id, role, streaming, voter }) => id === added && role === "observer" && streaming && !voter),
    );
    const load = await loadOn(cluster);
    expect(await order(cluster, "join", added)).toMatchObject({ code: 0, ok: true });
    expect((await cluster.healed()).ruleset?.cohort).toEqual([...cluster.ids]);
    // One of four may be dead, and a removal of the third would leave three that are not all there.
    await cluster.killNode(dead);
    expect(await order(cluster, "remove", dead)).toMatchObject({ code: 0, ok: true });
    await cluster.killNode(other);
    await load.goesOn();
    // Begun in the moment in which nobody has missed it yet, it would be taken back instead.
    await cluster.untilStatus(`${other} to be missed`, ({ nodes }) =>
      nodes.some(({ id, reachable }) => id === other && !reachable),
    );
    const refused = await order(cluster, "remove", leader);
    expect(refused).toMatchObject({ code: 4, ok: false, refusal: { code: "not_connected", missing: [other] } });
    cluster.start(other);
    cluster.start(dead);
    await cluster.healed();
    expect(await order(cluster, "remove", leader)).toMatchObject({ code: 0, ok: true });
    const next = await cluster.untilLed([leader]);
    await load.settle();
    const { ruleset, nodes } = await cluster.healed();
    expect(ruleset?.cohort).toEqual([other, added].sort());
    expect(nodes.filter(({ role }) => role === "observer").map(({ id }) => id)).toEqual([dead, leader].sort());
    expect([other, added]).toContain(next);
    await meetsWhomNobodyNamed(cluster, { added, named: other });
  });
});

/** Two nodes have joined, and neither's configuration names the other: they learn of each other, and elect without the third. */
async function meetsWhomNobodyNamed(cluster: TestCluster, { added, named }: { added: string; named: string }) {
  const second = await cluster.grow();
  cluster.start(second);
  await cluster.untilStatus(`${second} to stream as an observer`, ({ nodes }) =>
    nodes.some(({ id, role, streaming }) => id === second && role === "observer" && streaming),
  );
  const joined = await order(cluster, "join", second, added);
  expect(joined).toMatchObject({ code: 0, ok: true });
  expect(joined.next_step).toMatch(new RegExp(`^write .founded: true. into .* ${named} \\(.*\\), .*${second} \\(`));
  const load = await loadOn(cluster);
  await load.goesOn();
  await cluster.killNode(named);
  expect([added, second]).toContain(await cluster.untilLed([named]));
  await load.goesOn();
  cluster.start(named);
  await load.settle();
  expect((await cluster.healed()).ruleset?.cohort).toEqual([added, named, second].sort());
  const { stdout } = await quorate(["status", "-c", cluster.configOf(second)]);
  expect(stdout).toMatch(new RegExp(`^warning: the files? of .* not name .*${added}`, "m"));
}

/** Data and state are gone, the machine is new; the same command is run on it. */
async function comesBack(cluster: TestCluster, id: string): Promise<void> {
  const before = cluster.marks(id, "inside").length;
  await cluster.killNode(id);
  await rm(cluster.node(id).dataDir, { recursive: true });
  cluster.start(id);
  await waitFor(`${id} to be a member again`, HEAL_MS, () => cluster.marks(id, "inside").length > before);
  await cluster.healed();
}
