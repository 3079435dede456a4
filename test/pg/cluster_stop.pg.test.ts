import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { DemoStatus } from "../../src/demo/cluster_status.js";
import type { TestCluster } from "./cluster/cluster.js";
import { quorate } from "./cluster/command.js";
import { loadOn, ownCluster, sharedCluster } from "./cluster/scenarios.js";

describe("a sidecar is stopped", () => {
  const shared = sharedCluster();

  test("SIGTERM of the leader's, with --stop-postgres: it hands over first; SIGINT: it fences, and the others elect", async () => {
    const cluster = shared();
    const load = await loadOn(cluster);
    const stopped = await cluster.leader();
    expect(await cluster.stopSidecar(stopped)).toBe("exit code 0");
    cluster.start(stopped, ["--stop-postgres"]);
    const { leader, term } = await cluster.healed();
    expect(leader).toBe(stopped);
    const drained = cluster.marks(stopped, "drained").length;
    expect(await cluster.stopSidecar(stopped)).toBe("exit code 0");
    expect(cluster.postgresOf(stopped)).toEqual([]);
    // Another one was established when it ended, by one election, and it had the whole log.
    const next = await cluster.untilLed([stopped]);
    expect(cluster.marks(stopped, "drained").length).toBe(drained + 1);
    await load.goesOn();
    cluster.start(stopped);
    const after = await cluster.healed();
    expect([after.leader, after.term]).toEqual([next, Number(term) + 1]);
    // It says itself that it leads no more: nobody has to wait for its silence.
    expect(await cluster.stopSidecar(next, "SIGINT")).toBe("exit code 130");
    expect(cluster.postgresOf(next)).toEqual([]);
    await cluster.untilLed([next]);
    expect(suspectedBy(cluster, next).length).toBeGreaterThan(0);
    cluster.start(next);
    await load.settle();
  });

  test("a second one on a running node's state directory is refused; the cluster does not notice", async () => {
    const cluster = shared();
    const load = await loadOn(cluster);
    const { leader, term } = await cluster.healed();
    const { code, stderr } = await cluster.run(leader);
    expect(code).toBe(1);
    expect(stderr).toContain(`is in use by a sidecar with pid ${cluster.sidecarOf(leader).pid}`);
    await load.settle();
    const after = await cluster.healed();
    expect([after.leader, after.term]).toEqual([leader, term]);
  });
});

describe("a node comes back with less than it had", () => {
  test("without its data directory, then without anything: refused by name, and the others go on", async (context) => {
    const cluster = await ownCluster(context);
    cluster.startAll();
    const load = await loadOn(cluster);
    const [wiped = ""] = cluster.others(await cluster.leader()).slice(-1);
    const { dataDir } = cluster.node(wiped);
    const pgdata = join(dataDir, "pgdata");
    const aside = join(cluster.home.dir, "aside");

    await cluster.killNode(wiped);
    await rename(pgdata, aside);
    cluster.start(wiped);
    await cluster.untilStatus("the loss of its data to be named", refuses(wiped, /data directory is gone/));
    expect(cluster.postgresOf(wiped)).toEqual([]);
    await load.goesOn();

    // What it had is brought back, and it votes again.
    await cluster.killNode(wiped);
    await rename(aside, pgdata);
    cluster.start(wiped);
    await cluster.healed();

    await cluster.killNode(wiped);
    await rm(dataDir, { recursive: true, force: true });
    cluster.start(wiped);
    await cluster.untilStatus("the wiped node to be named", refuses(wiped, /another incarnation/));
    await load.goesOn();
    expect((await quorate(["status", "-c", cluster.home.config])).code).toBe(1);

    // Two of three remain, and they get over the death of their leader.
    const victim = await cluster.untilLed();
    await cluster.killPostmaster(victim);
    await cluster.untilStatus("the two to be whole again", ({ leader, established, nodes }) =>
      nodes.every(
        ({ id, role, voter, streaming }) =>
          id === wiped || (voter && established && (id === leader || (role === "follower" && streaming))),
      ),
    );
    await load.goesOn();
    const status = await cluster.untilStatus("the wiped node to be named", refuses(wiped, /another incarnation/));
    cluster.expectOneLeaderPerTerm();
    await load.settleOn(cluster.others(wiped), status.leader ?? "");
    expect(cluster.postgresOf(wiped)).toEqual([]);
  });
});

/** Who heard from this leader itself that it leads no more. */
function suspectedBy(cluster: TestCluster, leader: string) {
  return cluster.logs().filter(({ mark, text }) => mark === "suspected_first_hand" && text.includes(leader));
}

/** A leader in office, and this node named with the reason why it does not vote. */
function refuses(id: string, reason: RegExp): (status: DemoStatus) => boolean {
  return ({ leader, established, nodes }) => {
    const node = nodes.find((candidate) => candidate.id === id);
    return leader !== null && established && node?.voter === false && reason.test(node.why_not ?? "");
  };
}
