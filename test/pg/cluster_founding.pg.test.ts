import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { HEAL_MS, type TestCluster } from "./cluster/cluster.js";
import { loadOn, ownCluster } from "./cluster/scenarios.js";
import { waitForValue } from "./cluster/waiting.js";

interface Step {
  readonly name: string;
  /** The founder, once it is there; null before. */
  readonly reachedBy: (cluster: TestCluster) => string | null;
}

const STEPS: readonly Step[] = [
  { name: "after its promise", reachedBy: (cluster) => whoever(cluster, (id) => noted(cluster, id, "promised")) },
  { name: "during initdb", reachedBy: (cluster) => whoever(cluster, (id) => hasEntry(cluster, id, "pgdata.initdb-")) },
  { name: "after initdb", reachedBy: (cluster) => whoever(cluster, (id) => hasFile(cluster, id, "PG_VERSION")) },
  {
    // Postgres writes it at the end of its recovery; the note "promoted" and the founding record come later.
    name: "after its promotion, before the founding record",
    reachedBy: (cluster) => whoever(cluster, (id) => hasFile(cluster, id, "pg_wal/00000002.history")),
  },
  {
    // Followers are called once the record is in the founder's log, and a new one begins with a clone.
    name: "after the founding record, before it is established",
    reachedBy: (cluster) =>
      cluster.logs().some(({ mark }) => mark === "cloning")
        ? whoever(cluster, (id) => noted(cluster, id, "promoted"))
        : null,
  },
  {
    name: "right after it is established",
    reachedBy: (cluster) => whoever(cluster, (id) => noted(cluster, id, "established")),
  },
];

const LOOK_EVERY_MS = 2;

describe("the founder's node is killed", () => {
  for (const { name, reachedBy } of STEPS) {
    test(`${name}: started again, one cluster is founded`, async (context) => {
      const cluster = await ownCluster(context);
      cluster.startAll();
      const founder = await waitForValue(name, HEAL_MS, () => reachedBy(cluster), LOOK_EVERY_MS);
      await cluster.killNode(founder);
      cluster.start(founder);
      const load = await loadOn(cluster);
      await load.settle();
      for (const id of cluster.ids) expect(leftovers(cluster, id), `left beside the data of ${id}`).toEqual([]);
    });
  }
});

function whoever(cluster: TestCluster, reached: (id: string) => boolean): string | null {
  return cluster.ids.find(reached) ?? null;
}

function noted(cluster: TestCluster, id: string, mark: string): boolean {
  return cluster.marks(id, mark).length > 0;
}

function hasFile(cluster: TestCluster, id: string, file: string): boolean {
  return existsSync(join(cluster.node(id).dataDir, "pgdata", file));
}

function hasEntry(cluster: TestCluster, id: string, prefix: string): boolean {
  return entries(cluster, id).some((name) => name.startsWith(prefix));
}

function leftovers(cluster: TestCluster, id: string): readonly string[] {
  return entries(cluster, id).filter((name) => name !== "pgdata" && name !== "state");
}

function entries(cluster: TestCluster, id: string): readonly string[] {
  const { dataDir } = cluster.node(id);
  return existsSync(dataDir) ? readdirSync(dataDir) : [];
}
