import { setTimeout as delay } from "node:timers/promises";
import type { HostCluster } from "./cluster.js";
import { commands } from "./page.js";

/** What is done to the hosts while clients write. The cluster is healthy before, and has to be again. */
export interface Scene {
  readonly name: string;
  readonly act: (cluster: HostCluster) => Promise<void>;
}

const DEAF_MS = 8_000;

async function leaderOf(cluster: HostCluster): Promise<{ readonly leader: string; readonly term: number }> {
  const { leader, term } = await cluster.healthy();
  if (leader === null || term === null) throw new Error("a healthy cluster without a leader");
  return { leader, term };
}

/** What takes the leader out of service for a while: meanwhile somebody else leads. */
function loses(
  name: string,
  away: (c: HostCluster, id: string) => Promise<void>,
  back: (c: HostCluster, id: string) => Promise<void>,
): Scene {
  const act = async (cluster: HostCluster): Promise<void> => {
    const { leader, term } = await leaderOf(cluster);
    await away(cluster, leader);
    await cluster.until(
      `another leader than ${leader}`,
      (now) => now.established && now.leader !== leader && (now.term ?? 0) > term,
    );
    await delay(DEAF_MS);
    await back(cluster, leader);
  };
  return { name, act };
}

const postgresDies: Scene = {
  name: "the leader's Postgres is killed",
  async act(cluster) {
    const { leader, term } = await leaderOf(cluster);
    await cluster.host(leader).run(`kill -9 $(head -1 /var/lib/quorate/shop/${leader}/pgdata/postmaster.pid)`);
    await cluster.until("a higher term", (now) => now.established && (now.term ?? 0) > term);
  },
};

/** Port 7432 and 5432 between the hosts, both ways; clients reach the old leader as before. */
const others = (cluster: HostCluster, id: string) =>
  [...cluster.nodes.keys()]
    .filter((other) => other !== id)
    .map((other) => cluster.addressOf(other))
    .join(",");

const upgrade: Scene = {
  name: "switchover, and an upgrade host by host, as the page says: no term is burnt",
  async act(cluster) {
    const before = await leaderOf(cluster);
    await cluster.command("switchover");
    const { leader, term } = await leaderOf(cluster);
    if (leader === before.leader) throw new Error("the switchover changed nothing");
    const restart = commands("deploy/README.md", "Upgrade").find((line) => line.startsWith("systemctl"));
    if (restart === undefined) throw new Error("deploy/README.md does not say any more how to restart for an upgrade");
    for (const host of cluster.nodes.values()) {
      await host.run(restart);
      await cluster.healthy();
    }
    const after = await leaderOf(cluster);
    if (after.term !== term) throw new Error(`the upgrade burnt terms: ${term}, then ${after.term}`);
  },
};

const wiped: Scene = {
  name: "a follower loses its disk, and comes back under its name",
  async act(cluster) {
    const { leader } = await leaderOf(cluster);
    const follower = [...cluster.nodes.keys()].find((id) => id !== leader);
    if (follower === undefined) throw new Error("no follower");
    await cluster
      .host(follower)
      .run(
        "systemctl kill --kill-whom=main --signal=INT quorate; systemctl stop quorate; rm -r /var/lib/quorate/shop && systemctl start quorate",
      );
    await cluster.healthy(`${follower} in its old place`, (now) =>
      now.nodes.some(({ id, voter }) => id === follower && voter),
    );
  },
};

const powerCut: Scene = {
  name: "all hosts lose their power at once",
  async act(cluster) {
    const hosts = [...cluster.nodes.values()];
    await Promise.all(hosts.map((host) => host.losePower()));
    await Promise.all(hosts.map((host) => host.powerOn()));
  },
};

const replaced: Scene = {
  name: "n4 joins, and n3 is removed",
  async act(cluster) {
    await cluster.join("n4");
    await cluster.command("remove n3");
    await cluster.host("n3").run("systemctl disable --now quorate");
    cluster.nodes.delete("n3");
    for (const id of cluster.nodes.keys()) await cluster.copyConfiguration(id);
    await cluster.healthy("a cluster of n1, n2, n4", ({ ruleset }) => ruleset?.cohort.toSorted().join() === "n1,n2,n4");
  },
};

export const SCENES: readonly Scene[] = [
  postgresDies,
  upgrade,
  loses(
    "the leader's host loses its power",
    (c, id) => c.host(id).losePower(),
    (c, id) => c.host(id).powerOn(),
  ),
  loses(
    "the leader's host is rebooted",
    (c, id) => c.host(id).shutDown(),
    (c, id) => c.host(id).powerOn(),
  ),
  loses(
    "the leader's cable is pulled",
    (c, id) => c.host(id).unplug(),
    (c, id) => c.host(id).plugIn(),
  ),
  loses(
    "the leader is cut off from the other hosts, not from its clients",
    async (c, id) =>
      void (await c
        .host(id)
        .run(`iptables -A INPUT -s ${others(c, id)} -j DROP; iptables -A OUTPUT -d ${others(c, id)} -j DROP`)),
    async (c, id) => void (await c.host(id).run("iptables -F")),
  ),
  loses(
    "the leader's host is frozen",
    (c, id) => c.host(id).freeze(),
    (c, id) => c.host(id).thaw(),
  ),
  wiped,
  powerCut,
  replaced,
];
