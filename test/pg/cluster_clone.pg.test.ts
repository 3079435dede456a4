import { existsSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { HOST } from "../../src/demo/plan.js";
import { sendSignal } from "../../src/demo/proc_files.js";
import { HEAL_MS, type TestCluster } from "./cluster/cluster.js";
import { quorate } from "./cluster/command.js";
import { diverge } from "./cluster/diverge.js";
import { freezeAt } from "./cluster/freeze.js";
import { loadOn, sharedCluster } from "./cluster/scenarios.js";
import { waitFor } from "./cluster/waiting.js";

interface Places {
  readonly data: string;
  readonly clone: string;
  readonly cloneMarker: string;
  readonly swapMarker: string;
}

const MOMENTS = [
  { name: "its clone just complete", path: ({ cloneMarker }: Places) => cloneMarker, text: '"complete"' },
  { name: "between the marker and the last rename", path: ({ swapMarker }: Places) => swapMarker, text: "" },
] as const;
/** The second moment is a few milliseconds long, on a machine that has other things to do. */
const TRIES = 5;

describe("a clone takes the place of diverged data, and its sidecar gets SIGTERM in the middle", () => {
  const shared = sharedCluster();

  for (const { name, path, text } of MOMENTS) {
    test(`${name}: nothing of the clone is lost, and the node comes back`, async () => {
      const cluster = shared();
      const load = await loadOn(cluster);
      let met = false;
      for (let tries = 0; tries < TRIES && !met; tries++) {
        const victim = await diverge(cluster, load);
        const places = placesOf(cluster, victim);
        cluster.start(victim);
        const sidecar = cluster.sidecarOf(victim);
        met = await freezeAt({ sidecar, path: path(places), text, deadlineMs: HEAL_MS });
        const files = await tree(cloneOf(places));
        const stopped = cluster.stopSidecar(victim);
        sendSignal(sidecar, "SIGCONT");
        expect(await stopped).toBe("exit code 0");
        if (met) expect(await tree(cloneOf(places))).toEqual(files);
        cluster.start(victim);
        await cluster.healed();
        for (const left of [places.clone, places.cloneMarker, places.swapMarker]) expect(existsSync(left)).toBe(false);
      }
      expect(met, "the moment was met").toBe(true);
      await load.settle();
    });
  }
});

describe("the WAL that a follower needs is gone from its leader", () => {
  const shared = sharedCluster({ maxRate: "8MB" });

  test("its slot dropped and the WAL recycled while it was away: it grows a clone by itself", async () => {
    const cluster = shared();
    const load = await loadOn(cluster);
    const { leader, term } = await cluster.healed();
    const [victim = ""] = cluster.others(leader);
    await cluster.killNode(victim);
    await forgetWal(cluster, leader, victim);
    await load.goesOn();
    cluster.start(victim);
    const seen = await watchClone(cluster, victim);
    expect(seen.every(({ source, attempt }) => source === leader && attempt === 1)).toBe(true);
    expect(seen.map(({ reason }) => reason)[0]).toContain("does not serve it");
    const rates = seen.map(({ bytes_per_s }) => bytes_per_s ?? 0);
    expect(Math.max(...rates), "bytes per second, in bursts").toBeLessThan(2 * 8 * 2 ** 20);
    await waitFor("the follower to clone", HEAL_MS, () => cluster.marks(victim, "swapped").length > 1);
    expect(cluster.marks(victim, "cloning").at(-1)?.text).toContain("does not serve it");
    await load.settle();
    const after = await cluster.healed();
    expect([after.leader, after.term]).toEqual([leader, term]);
  });
});

interface Work {
  readonly source: string;
  readonly attempt: number;
  readonly reason: string;
  readonly phase: string;
  readonly bytes: number | null;
  readonly bytes_per_s: number | null;
  readonly left_ms: number | null;
}

/** Until it was seen to go on twice, with a pace and an end; as programs, people and Prometheus see it. */
async function watchClone(cluster: TestCluster, victim: string): Promise<readonly Work[]> {
  const moving = new Map<number, Work>();
  await waitFor("the clone to go on", HEAL_MS, async () => {
    const node = (await cluster.status())?.nodes.find(({ id }) => id === victim);
    const { work } = (node?.rejoin ?? {}) as { readonly work?: Work | null };
    if (work?.phase === "copying" && work.bytes_per_s !== null && work.left_ms !== null)
      moving.set(work.bytes ?? 0, work);
    return moving.size >= 2;
  });
  const { stdout } = await quorate(["status", "-c", cluster.home.config]);
  expect(stdout).toMatch(
    /cloning \d+ %.*clone from n\d, copying, [\d.]+ MB of [\d.]+ MB, [\d.]+ MB\/s, \d+ s left: its leader/,
  );
  const metrics = await (await fetch(`http://${HOST}:${cluster.node(victim).httpPort}/metrics`)).text();
  expect(metrics).toMatch(/^quorate_rejoin_bytes\{.*method="clone",.*phase="copying".*\} [1-9]/m);
  return [...moving.values()];
}

/** As after an absence longer than what is kept: the slot, and every segment that the leader does not need itself. */
async function forgetWal(cluster: TestCluster, leader: string, victim: string): Promise<void> {
  await waitFor("the slot to be left", HEAL_MS, async () => {
    const drop = `select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name like 'quorate_${victim}%'`;
    return cluster.askPostgres(leader, drop).then(
      () => true,
      () => false,
    );
  });
  await cluster.askPostgres(leader, "select pg_switch_wal()");
  await cluster.askPostgres(leader, "checkpoint");
  const redo = await cluster.askPostgres(leader, "select pg_walfile_name(redo_lsn) from pg_control_checkpoint()");
  const wal = join(cluster.node(leader).dataDir, "pgdata", "pg_wal");
  const old = (await readdir(wal)).filter((name) => /^[0-9A-F]{24}$/.test(name) && name < (redo ?? ""));
  expect(old.length).toBeGreaterThan(0);
  for (const name of old) await rm(join(wal, name));
}

function placesOf(cluster: TestCluster, id: string): Places {
  const data = join(cluster.node(id).dataDir, "pgdata");
  const clone = `${data}.clone`;
  return { data, clone, cloneMarker: `${clone}.clone`, swapMarker: `${data}.swap` };
}

/** Where the clone is now: beside the data until the second rename. */
function cloneOf({ clone, data }: Places): string {
  return existsSync(clone) ? clone : data;
}

async function tree(path: string): Promise<readonly string[]> {
  return (await readdir(path, { recursive: true })).sort();
}
