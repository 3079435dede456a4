import { rm } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import type { DemoStatus } from "../../src/demo/cluster_status.js";
import type { TestCluster } from "./cluster/cluster.js";
import { loadOn, ownCluster } from "./cluster/scenarios.js";

describe("a node's disk is lost while the cluster runs", () => {
  test("a follower's, then the leader's: each comes back under its name as a new node, and counts", async (context) => {
    const cluster = await ownCluster(context);
    cluster.startAll();
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
    expect(cluster.logs().filter(({ mark }) => mark === "replaces_wiped").length).toBe(2);
    await load.settle();
    const after = await cluster.healed();
    expect(after.system_identifier).toBe(system_identifier);
    expect(after.ruleset?.cohort).toEqual(["n1", "n2", "n3"]);
    expect(await incarnations(cluster, after)).toBe(3);
  });
});

/** Data and state are gone, the machine is new; the same command is run on it. */
async function comesBack(cluster: TestCluster, id: string): Promise<void> {
  await cluster.killNode(id);
  await rm(cluster.node(id).dataDir, { recursive: true });
  cluster.start(id);
  await cluster.healed();
  expect(cluster.marks(id, "promoted").filter(({ text }) => text.includes("founding"))).toEqual([]);
}

/** How many incarnations the rules of now name that the first ones did not, and those they share. */
async function incarnations(cluster: TestCluster, { leader }: DemoStatus): Promise<number> {
  const named = await cluster.askPostgres(
    leader ?? "",
    "select count(distinct m ->> 'incarnation') from quorate.current_ruleset, jsonb_array_elements(ruleset -> 'cohort') m",
  );
  return Number(named);
}
