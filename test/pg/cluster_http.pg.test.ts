import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { connect, hangUp } from "../../src/demo/client.js";
import { HOST } from "../../src/demo/plan.js";
import { NotifySocket } from "../systemd/notify_socket.js";
import { HEAL_MS, type TestCluster } from "./cluster/cluster.js";
import { findHaproxy, startHaproxy } from "./cluster/haproxy.js";
import { Prober, probe } from "./cluster/probe.js";
import { sharedCluster } from "./cluster/scenarios.js";
import { waitFor, waitForValue } from "./cluster/waiting.js";

const haproxy = findHaproxy();

async function get(cluster: TestCluster, id: string, path: string): Promise<string> {
  const response = await fetch(`http://${HOST}:${cluster.node(id).httpPort}${path}`);
  return response.text();
}

/** What one client is told through this port: whether it got to a leader, and on which port that Postgres is. */
async function through(port: number): Promise<{ readonly writes: boolean; readonly pgPort: number } | null> {
  try {
    const client = await connect({ host: HOST, port });
    try {
      const { rows } = await client.query<{ writes: boolean; port: number }>(
        "select not pg_is_in_recovery() as writes, current_setting('port')::int as port",
      );
      return rows[0] === undefined ? null : { writes: rows[0].writes, pgPort: rows[0].port };
    } finally {
      hangUp(client);
    }
  } catch {
    // Nobody is there yet, or no more.
    return null;
  }
}

describe("what a cluster tells those who are not its nodes", () => {
  const shared = sharedCluster();

  test("/primary and /replica follow a failover, and no two nodes ever say at once that they take writes", async () => {
    const cluster = shared();
    const { leader: old } = await cluster.healed();
    const prober = new Prober(new Map(cluster.plan.nodes.map(({ id, httpPort }) => [id, httpPort])));
    const says = (leader: string) => () =>
      prober.saying("/primary").join() === leader && prober.saying("/replica").join() === cluster.others(leader).join();
    try {
      await waitFor("each node to say what it is", HEAL_MS, says(old));
      await cluster.killPostmaster(old);
      const next = await cluster.untilLed([old]);
      await waitFor("the new leader's /primary", HEAL_MS, () => prober.saying("/primary").join() === next);
      await cluster.healed();
      await waitFor("each node to say what it is now", HEAL_MS, says(next));
      await prober.stop();
      expect(prober.primaries.map(({ id }) => id)).toEqual([old, next]);
      expect(prober.violations).toEqual([]);

      const { nodes } = await cluster.healed();
      for (const id of cluster.ids) {
        const history = JSON.parse(await get(cluster, id, "/history")) as [number, number, string, string, string][];
        expect(history[0]?.[0]).toBe(1);
        expect(history.at(-1)).toEqual([
          ...[expect.any(Number), expect.any(Number), expect.any(String), expect.stringMatching(/^20.*Z$/), next],
        ]);
        // The reason that its coordinator had, not one that was made up here.
        expect(history.at(-1)?.[2]).not.toMatch(/^term \d+ began$/);
        const seen = JSON.parse(await get(cluster, id, "/cluster")) as { members: { name: string; role: string }[] };
        expect(seen.members.map(({ name, role }) => [name, role])).toEqual(
          nodes.map((node) => [node.id, node.id === next ? "leader" : "quorum_standby"]),
        );
        const metrics = await get(cluster, id, "/metrics");
        expect(metrics).toContain(`quorate_primary{cluster="tested",node="${id}"} ${id === next ? 1 : 0}`);
      }
      const metrics = await get(cluster, next, "/metrics?compat=patroni");
      expect(metrics).toContain(`quorate_policy_satisfied{cluster="tested",node="${next}"} 1`);
      expect(metrics).toContain(`patroni_primary{scope="tested",name="${next}"} 1`);
    } finally {
      await prober.stop();
    }
  });

  test("systemd hears that a sidecar serves, lives and stops; its Postgres cannot speak for it", async () => {
    const cluster = shared();
    const socket = await NotifySocket.listen();
    const [follower = ""] = cluster.others(await cluster.leader());
    await cluster.stopSidecar(follower);
    process.env.NOTIFY_SOCKET = socket.path;
    process.env.WATCHDOG_USEC = "1000000";
    try {
      cluster.start(follower);
    } finally {
      delete process.env.NOTIFY_SOCKET;
      delete process.env.WATCHDOG_USEC;
    }
    await cluster.healed();
    await socket.until("the loop to be told of twice", () => socket.count("WATCHDOG=1\tSTATUS=follows") >= 2);
    expect(socket.messages[0]).toMatch(/^READY=1\t/);
    const environments = await Promise.all(
      cluster.postgresOf(follower).map(({ pid }) => readFile(`/proc/${pid}/environ`, "latin1").catch(() => "")),
    );
    expect(environments.some((text) => text.includes("LC_ALL=C"))).toBe(true);
    expect(environments.filter((text) => text.includes("NOTIFY_SOCKET"))).toEqual([]);
    expect(await cluster.stopSidecar(follower)).toBe("exit code 0");
    await socket.until("the end to be told of", () => socket.count("STOPPING=1") === 1);
    expect((await probe(cluster.node(follower).httpPort, "HEAD /liveness")).code).toBe(0);
    cluster.start(follower);
    await cluster.healed();
  });

  test.skipIf(haproxy === null)("a HAProxy with Patroni's configuration routes through a failover", async () => {
    const cluster = shared();
    const { leader: old } = await cluster.healed();
    const ports = await startHaproxy(haproxy ?? "", cluster.plan.nodes);
    const leads = (id: string) => async () => {
      const found = await through(ports.primary);
      return found?.writes === true && found.pgPort === cluster.node(id).pgPort;
    };
    const reads = (except: string) => async () => {
      const found = await through(ports.replicas);
      return found !== null && !found.writes && found.pgPort !== cluster.node(except).pgPort;
    };
    await waitFor("writers to get to the leader", HEAL_MS, leads(old));
    await waitFor("readers to get to a follower", HEAL_MS, reads(old));
    const session = await connect({ host: HOST, port: ports.primary });
    await cluster.killPostmaster(old);
    const next = await cluster.untilLed([old]);
    await waitFor("writers to get to the new leader", HEAL_MS, leads(next));
    await expect(session.query("select 1")).rejects.toThrow();
    hangUp(session);
    const written = await waitForValue("a write through the proxy", HEAL_MS, async () => {
      const client = await connect({ host: HOST, port: ports.primary }).catch(() => null);
      if (client === null) return null;
      try {
        await client.query("create table if not exists public.through_the_proxy (n int)");
        const { rowCount } = await client.query("insert into public.through_the_proxy values (1)");
        return rowCount;
      } finally {
        hangUp(client);
      }
    });
    expect(written).toBe(1);
    await waitFor("readers to get to a follower of the new leader", HEAL_MS, reads(next));
    await cluster.healed();
  });
});
