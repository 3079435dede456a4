import { appendFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { TestCluster } from "./cluster/cluster.js";
import { quorate } from "./cluster/command.js";
import { loadOn, sharedCluster } from "./cluster/scenarios.js";

interface Restarted {
  readonly ok: boolean;
  readonly restarted: boolean;
  readonly handed_over: boolean;
  readonly leader: string | null;
  readonly pending: readonly { readonly name: string; readonly from: string; readonly to: string }[];
  readonly refusal: { readonly code: string; readonly missing: readonly string[] } | null;
}

const RAISED = { name: "max_connections", from: "100", to: "120" };

describe("settings are changed in the configuration", () => {
  const shared = sharedCluster({ detect: "4s" });

  async function restart(cluster: TestCluster, ...args: string[]) {
    const { code, stdout, stderr } = await quorate(["restart", ...args, "-c", cluster.home.config, "-o", "json"]);
    return { code, json: JSON.parse(stdout) as Restarted, stderr };
  }

  test("what a reload brings is in force, what needs a restart is shown and restarted one by one, under load", async () => {
    const cluster = shared();
    const { leader, term } = await cluster.healed();
    const [first = "", second = ""] = cluster.others(leader);
    const load = await loadOn(cluster);
    const before = postmasters(cluster);
    await cluster.configure({ work_mem: "6MB", max_connections: "120" });
    for (const id of [first, second, leader]) {
      expect(await cluster.stopSidecar(id)).toBe("exit code 0");
      cluster.start(id);
      await cluster.healed();
    }
    expect(postmasters(cluster)).toEqual(before);
    const shown = await cluster.untilStatus("all three to wait for a restart", ({ nodes }) =>
      nodes.every(({ pending_restart }) => pending_restart?.length === 1),
    );
    for (const { id, pending_restart } of shown.nodes) {
      expect(pending_restart).toEqual([RAISED]);
      expect(await cluster.askPostgres(id, "show work_mem")).toBe("6MB");
      expect(await cluster.askPostgres(id, "show max_connections")).toBe("100");
    }
    const text = await quorate(["status", "-c", cluster.home.config]);
    expect(text.stdout).toContain(`${first} pending restart: max_connections 100 -> 120`);

    const tooEarly = await restart(cluster, leader);
    expect([tooEarly.code, tooEarly.json.refusal]).toMatchObject([4, { code: "followers_first" }]);
    for (const id of [first, second]) {
      const { code, json } = await restart(cluster, id, "--pending");
      expect([code, json]).toMatchObject([0, { restarted: true, handed_over: false, leader, pending: [RAISED] }]);
      expect(await cluster.askPostgres(id, "show max_connections")).toBe("120");
      await load.goesOn();
    }
    expect((await cluster.healed()).term).toBe(term);

    // The other source: what Postgres says of its files, as ALTER SYSTEM and an editor leave them. They beat nothing of ours.
    const dataDir = join(cluster.node(leader).dataDir, "pgdata");
    await appendFile(join(dataDir, "postgresql.conf"), "\nmax_files_per_process = 900\n");
    await appendFile(join(dataDir, "postgresql.auto.conf"), "\nmax_connections = 20\n");
    await cluster.askPostgres(leader, "select pg_reload_conf()");
    const told = await cluster.untilStatus("what was altered to be seen", ({ nodes }) => {
      const node = nodes.find(({ id }) => id === leader);
      return node?.pending_restart?.length === 2;
    });
    const altered = told.nodes.find(({ id }) => id === leader);
    expect(altered?.pending_restart).toEqual([RAISED, { name: "max_files_per_process", from: "1000", to: "900" }]);

    const { code, json, stderr } = await restart(cluster, leader, "--pending");
    expect([code, json]).toMatchObject([0, { restarted: true, handed_over: true }]);
    expect(stderr).toContain(`${leader} leads: it hands over`);
    await load.settle();
    const after = await cluster.healed();
    expect(after.term).toBe((term ?? 0) + 1);
    expect(await cluster.askPostgres(leader, "show max_connections")).toBe("120");
    await cluster.untilStatus("nothing to wait any more", ({ nodes }) =>
      nodes.every(({ pending_restart }) => pending_restart?.length === 0),
    );
    for (const id of cluster.ids) expect(cluster.marks(id, "adopted").length, id).toBe(1);
    const none = await restart(cluster, first, "--pending");
    expect([none.code, none.json]).toMatchObject([0, { ok: true, restarted: false }]);
  });

  test("a follower without which no commit could complete is not restarted, unless somebody insists", async () => {
    const cluster = shared();
    const { leader, term } = await cluster.healed();
    const [gone = "", needed = ""] = cluster.others(leader);
    await cluster.killNode(gone);
    await cluster.untilStatus("it to be missed", ({ nodes }) => nodes.some((n) => n.id === gone && !n.reachable));
    const before = postmasters(cluster)[needed];
    const { code, json } = await restart(cluster, needed);
    expect([code, json.refusal]).toMatchObject([4, { code: "commits_would_wait", missing: [gone] }]);
    expect(postmasters(cluster)[needed]).toBe(before);
    const forced = await restart(cluster, needed, "--force");
    expect([forced.code, forced.json]).toMatchObject([0, { restarted: true, leader }]);
    expect(postmasters(cluster)[needed]).not.toBe(before);
    cluster.start(gone);
    expect((await cluster.healed()).term).toBe(term);
  });
});

/** The process that the sidecar of each node works with, by its data directory. */
function postmasters(cluster: TestCluster): Record<string, number | undefined> {
  return Object.fromEntries(cluster.ids.map((id) => [id, cluster.postgresOf(id)[0]?.pid]));
}
