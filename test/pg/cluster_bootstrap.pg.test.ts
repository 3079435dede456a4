import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { quorate } from "./cluster/command.js";
import { loadOn, ownCluster } from "./cluster/scenarios.js";

const ORDERS = [
  ["n1", "n2", "n3"],
  ["n3", "n1", "n2"],
  ["n2", "n3", "n1"],
] as const;

describe("a new cluster", () => {
  for (const [first, second, last] of ORDERS) {
    test(`${first}, then ${second}, then ${last}: two wait and name the third; all three found it`, async (context) => {
      const cluster = await ownCluster(context);
      for (const id of [first, second]) {
        cluster.start(id);
        const absent = cluster.ids.filter((other) => !cluster.sidecarRuns(other));
        await cluster.untilStatus(`${absent} to be waited for`, ({ blocked, leader, nodes }) => {
          const heard = nodes.filter(({ reachable }) => reachable).length;
          return leader === null && heard === cluster.ids.length - absent.length && sameIds(blocked?.missing, absent);
        });
      }
      const waiting = await quorate(["status", "-c", cluster.home.config, "-o", "json"]);
      expect(waiting.code).toBe(2);
      expect(JSON.parse(waiting.stdout)).toMatchObject({ system_identifier: null, blocked: { missing: [last] } });
      for (const id of [first, second]) expect(cluster.postgresOf(id)).toEqual([]);
      cluster.start(last);
      await cluster.healed();
      expect(cluster.logs().filter(({ mark }) => mark === "promoted").length).toBe(1);
    });
  }

  test("all three at once; stopped and started again it is the same cluster", async (context) => {
    const cluster = await ownCluster(context);
    cluster.startAll();
    const { system_identifier } = await cluster.healed();
    const load = await loadOn(cluster);
    await load.settle();
    for (const id of cluster.ids) expect(await cluster.stopSidecar(id, "SIGINT")).toBe("exit code 130");
    for (const id of cluster.ids) expect(cluster.postgresOf(id)).toEqual([]);
    cluster.startAll();
    expect((await cluster.healed()).system_identifier).toBe(system_identifier);
  });

  test("a second sidecar on the same state directory is refused and names the first one", async (context) => {
    const cluster = await ownCluster(context);
    cluster.start("n1");
    await cluster.untilStatus("n1 to answer", ({ nodes }) =>
      nodes.some(({ id, reachable }) => id === "n1" && reachable),
    );
    const { code, stderr } = await cluster.run("n1");
    expect(code).toBe(1);
    expect(stderr).toContain(`is in use by a sidecar with pid ${cluster.sidecarOf("n1").pid}`);
    expect(cluster.sidecarRuns("n1")).toBe(true);
  });

  for (const [what, file, text] of [
    ["a Postgres of somebody else", "PG_VERSION", "15\n"],
    ["files that are no Postgres", "precious.txt", "not yours\n"],
  ] as const) {
    test(`never over data: ${what} in the place of n2's is refused, and nothing is touched`, async (context) => {
      const cluster = await ownCluster(context);
      const dir = join(cluster.node("n2").dataDir, "pgdata");
      await mkdir(dir, { recursive: true, mode: 0o700 });
      await writeFile(join(dir, file), text);
      cluster.start("n1");
      cluster.start("n3");
      const { code, stderr } = await cluster.run("n2");
      expect(code).toBe(1);
      expect(stderr).toContain(dir);
      expect(await readdir(dir)).toEqual([file]);
      expect(await readFile(join(dir, file), "utf8")).toBe(text);
      await cluster.untilStatus("n2 to be waited for", ({ blocked }) => sameIds(blocked?.missing, ["n2"]));
      for (const id of ["n1", "n3"]) expect(cluster.postgresOf(id)).toEqual([]);
    });
  }
});

function sameIds(found: readonly string[] | undefined, wanted: readonly string[]): boolean {
  return found !== undefined && [...found].sort().join() === [...wanted].sort().join();
}
