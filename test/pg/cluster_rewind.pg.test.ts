import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { findBinaries } from "../../src/postgres/binaries.js";
import { chooseOsUser } from "../../src/postgres/os_user.js";
import { rewindMarkerPath } from "../../src/postgres/rewind_marker.js";
import { HEAL_MS, type TestCluster } from "./cluster/cluster.js";
import { diverge } from "./cluster/diverge.js";
import { freezeAt } from "./cluster/freeze.js";
import { loadOn, sharedCluster } from "./cluster/scenarios.js";
import { waitFor } from "./cluster/waiting.js";

/** npm's Postgres has no pg_rewind: this cluster is made of the system's, and rewinds however little data there is. */
const ENVIRONMENT = { QUORATE_TEST_POSTGRES: "system", QUORATE_REWIND_FROM_MB: "0" };
const before = Object.keys(ENVIRONMENT).map((name) => [name, process.env[name]] as const);
Object.assign(process.env, ENVIRONMENT);
afterAll(() => {
  for (const [name, value] of before) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
});

async function canRewind(): Promise<boolean> {
  const sources = ["path", "distribution"] as const;
  const found = await findBinaries({ sources, user: await chooseOsUser({}) }).catch(() => null);
  return found !== null && existsSync(join(found.binDir, "pg_rewind"));
}

async function historiesOf(cluster: TestCluster, id: string): Promise<string[]> {
  const files = await readdir(join(cluster.node(id).dataDir, "pgdata", "pg_wal"));
  return files.filter((name) => name.endsWith(".history"));
}

const CHECKPOINTED = "select timeline_id from pg_control_checkpoint()";

/** The leader of a whole cluster, which has checkpointed under its term: else it could not be rewound later. */
async function untilCheckpointed(cluster: TestCluster): Promise<void> {
  const { leader, term } = await cluster.healed();
  await waitFor(`${leader} to checkpoint`, HEAL_MS, async () => {
    return (await cluster.askPostgres(leader, CHECKPOINTED)) === String(term);
  });
}

describe.skipIf(!(await canRewind()))("a leader that diverged comes back where its data is rewound", () => {
  const shared = sharedCluster();

  test("in place: it streams, votes again, and has what the others have", async () => {
    const cluster = shared();
    await untilCheckpointed(cluster);
    const load = await loadOn(cluster);
    const victim = await diverge(cluster, load);
    cluster.start(victim);
    await cluster.healed();
    expect(cluster.marks(victim, "rewinding").map(({ text }) => text)).toHaveLength(1);
    expect(cluster.marks(victim, "rewound")).toHaveLength(1);
    expect(cluster.marks(victim, "swapped").length, "clones, the first one aside").toBeLessThanOrEqual(1);
    const votes = cluster.marks(victim, "caught_up_from_the_past");
    expect(votes).toHaveLength(1);
    expect(existsSync(rewindMarkerPath(join(cluster.node(victim).dataDir, "pgdata")))).toBe(false);
    // Whoever is to lead a later term needs the files of all timelines up to its own (POSTGRES.md A, trap 10).
    const { leader } = await cluster.healed();
    expect(await historiesOf(cluster, victim)).toEqual(expect.arrayContaining(await historiesOf(cluster, leader)));
    await load.settle();
  });

  test("or does not, since it dies in the middle: what is left is never started, and a clone takes its place", async () => {
    const cluster = shared();
    await untilCheckpointed(cluster);
    const load = await loadOn(cluster);
    const victim = await diverge(cluster, load);
    const marker = rewindMarkerPath(join(cluster.node(victim).dataDir, "pgdata"));
    cluster.start(victim);
    const met = await freezeAt({ sidecar: cluster.sidecarOf(victim), path: marker, text: "", deadlineMs: HEAL_MS });
    expect(met, "the rewind had begun").toBe(true);
    await cluster.killNode(victim);
    expect(existsSync(marker)).toBe(true);
    const clones = cluster.marks(victim, "cloning").length;
    cluster.start(victim);
    await cluster.healed();
    const since = cluster.marks(victim, "cloning").slice(clones);
    expect(since.at(-1)?.text).toContain("a rewind of its data did not come to its end");
    expect(existsSync(marker)).toBe(false);
    await load.settle();
  });
});
