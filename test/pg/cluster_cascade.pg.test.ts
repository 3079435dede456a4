import { describe, expect, test } from "vitest";
import { sendSignal } from "../../src/demo/proc_files.js";
import { wallMs } from "../../src/demo/waiting.js";
import { HEAL_MS, type TestCluster } from "./cluster/cluster.js";
import { quorate } from "./cluster/command.js";
import type { Load } from "./cluster/load.js";
import type { LogEntry } from "./cluster/log_reader.js";
import { loadOn, sharedCluster } from "./cluster/scenarios.js";
import { waitFor } from "./cluster/waiting.js";

const SETTLED_IN_MS = 300;
const KILLS_IN_A_ROW = 5;

describe("a second failure before the first is healed", () => {
  const shared = sharedCluster();

  test("the new leader's postmaster, while the first victim is still coming back: heals by itself", async () => {
    const cluster = shared();
    const load = await loadOn(cluster);
    const first = await cluster.leader();
    await killAndWaitForCommits(cluster, load, first);
    const second = await cluster.untilLed();
    await cluster.killPostmaster(second);
    await load.settle();
  });

  test("the new leader's node: either it is not needed, or it is named as missing; started again, all heals", async () => {
    const cluster = shared();
    const load = await loadOn(cluster);
    const first = await cluster.leader();
    await killAndWaitForCommits(cluster, load, first);
    const second = await cluster.untilLed();
    await cluster.killNode(second);
    await cluster.untilStatus(
      `a leader without ${second}, or ${second} named as missing`,
      ({ leader, established, blocked }) =>
        (leader !== null && leader !== second && established) || (blocked?.missing.includes(second) ?? false),
    );
    cluster.start(second);
    await load.settle();
  });

  test("two nodes at once: the one that is left does nothing and names them; with one of them it goes on", async () => {
    const cluster = shared();
    const load = await loadOn(cluster);
    const first = await cluster.leader();
    const [second = "", left = ""] = cluster.others(first);
    await cluster.killNodes([first, second]);
    await cluster.untilStatus(
      "the missing nodes to be named",
      ({ leader, blocked }) =>
        leader === null && blocked !== null && [first, second].every((id) => blocked.missing.includes(id)),
    );
    expect((await quorate(["status", "-c", cluster.home.config])).code).toBe(2);
    expect(cluster.postgresOf(left).length).toBeGreaterThan(0);
    cluster.start(second);
    await cluster.untilLed([first]);
    await load.goesOn();
    cluster.start(first);
    await load.settle();
  });

  test("a follower's sidecar that slept through a suspicion wakes up in the middle of another one's election", async () => {
    const cluster = shared();
    const load = await loadOn(cluster);
    const { leader, term } = await cluster.healed();
    const [sleeper = ""] = cluster.others(leader);
    const sidecar = cluster.sidecarOf(sleeper);
    sendSignal(sidecar, "SIGSTOP");
    await cluster.killPostmaster(leader);
    const recruits = ({ node, mark, data }: LogEntry) =>
      node !== sleeper && mark === "recruiting" && Number(data.term) > (term ?? 0);
    await waitFor("an election", HEAL_MS, () => cluster.logs().some(recruits), 2);
    sendSignal(sidecar, "SIGCONT");
    await load.settle();
  });

  test("both followers suspect at the same moment: one of them leads", async () => {
    const cluster = shared();
    const load = await loadOn(cluster);
    const victim = await cluster.leader();
    const coordinators = cluster.others(victim).map((id) => cluster.sidecarOf(id));
    for (const sidecar of coordinators) sendSignal(sidecar, "SIGSTOP");
    await cluster.killPostmaster(victim);
    for (const sidecar of coordinators) sendSignal(sidecar, "SIGCONT");
    await cluster.untilLed([victim]);
    await load.settle();
  });

  test("each new leader's postmaster as soon as it leads, five times: heals by itself", async () => {
    const cluster = shared();
    const load = await loadOn(cluster);
    for (let kill = 0; kill < KILLS_IN_A_ROW; kill++) {
      const { leader, term } = await cluster.untilStatus(
        "an established leader",
        (status) => status.leader !== null && status.established,
      );
      if (leader === null || term === null) throw new Error("unreachable: the leader was waited for");
      await cluster.killPostmaster(leader);
      await cluster.untilStatus(
        `a leader after term ${term}`,
        (after) => after.established && (after.term ?? 0) > term,
      );
    }
    await load.settle();
  });

  test("all three nodes at once, started again in any order: they come back by themselves", async () => {
    const cluster = shared();
    const load = await loadOn(cluster);
    const { system_identifier } = await cluster.healed();
    await cluster.killNodes(cluster.ids);
    for (const id of [...cluster.ids].reverse()) cluster.start(id);
    await load.settle();
    expect((await cluster.healed()).system_identifier).toBe(system_identifier);
  });
});

/** Until commits have gone on under another leader for a while, by the clients' own clock. */
async function killAndWaitForCommits(cluster: TestCluster, load: Load, victim: string): Promise<void> {
  const killedAt = wallMs();
  await cluster.killPostmaster(victim);
  const ackedAt = await load.ackedSince(killedAt);
  await waitFor("the new leader to serve for a moment", HEAL_MS, () => wallMs() >= ackedAt + SETTLED_IN_MS, 5);
}
