/**
 * Not part of `npm test`: `npm run -s nemesis`, for as many minutes as QUORATE_NEMESIS_MINUTES says (10). Strokes are drawn
 * from QUORATE_NEMESIS_SEED; which seed it was is printed, though real processes never run twice the same way.
 */
import { setTimeout as delay } from "node:timers/promises";
import { describe, test } from "vitest";
import { sendSignal } from "../../src/demo/proc_files.js";
import { Rng } from "../sim/prng.js";
import type { TestCluster } from "./cluster/cluster.js";
import { loadOn, ownCluster } from "./cluster/scenarios.js";

const MINUTES = Number(process.env.QUORATE_NEMESIS_MINUTES ?? 10);
const SEED = Number(process.env.QUORATE_NEMESIS_SEED ?? Date.now() % 1_000_000);
const UNTIL_MS = performance.now() + MINUTES * 60_000;
const ROUND_DEADLINE_MS = 10 * 60_000;
/** A cluster is founded under strokes, then lives through these many rounds of them. */
const ROUNDS_OF_A_CLUSTER = 4;

type Stroke = (cluster: TestCluster, ids: readonly string[], forMs: number) => Promise<void>;

const STROKES: Readonly<Record<string, Stroke>> = {
  "loses its postmaster": async (cluster, [id = ""]) => {
    if (cluster.postgresOf(id).length > 0) await cluster.killPostmaster(id);
  },
  "loses its sidecar": async (cluster, [id = ""], forMs) => {
    await cluster.killSidecar(id);
    await delay(forMs);
    cluster.start(id);
  },
  "stops in order": async (cluster, [id = ""], forMs) => {
    await cluster.stopSidecar(id);
    await delay(forMs);
    cluster.start(id);
  },
  "loses its power": (cluster, [id = ""], forMs) => powerCut(cluster, [id], forMs),
  "and another lose their power": (cluster, ids, forMs) => powerCut(cluster, ids.slice(0, 2), forMs),
  "and all others lose their power": (cluster, ids, forMs) => powerCut(cluster, ids, forMs),
  "has its sidecar frozen": async (cluster, [id = ""], forMs) => {
    const sidecar = cluster.sidecarOf(id);
    sendSignal(sidecar, "SIGSTOP");
    await delay(forMs);
    sendSignal(sidecar, "SIGCONT");
  },
  "is frozen": async (cluster, [id = ""], forMs) => {
    const entries = cluster.processesOf(id);
    for (const entry of entries) sendSignal(entry, "SIGSTOP");
    await delay(forMs);
    for (const entry of entries) sendSignal(entry, "SIGCONT");
  },
};

async function powerCut(cluster: TestCluster, ids: readonly string[], forMs: number): Promise<void> {
  await cluster.killNodes(ids);
  await delay(forMs);
  for (const id of ids) cluster.start(id);
}

async function strike(cluster: TestCluster, rng: Rng, strokes: number): Promise<void> {
  for (let left = strokes; left > 0; left--) {
    const pauseMs = rng.between(0, rng.pick([50, 500, 3_000]));
    const [name, stroke] = rng.pick(Object.entries(STROKES));
    const first = rng.below(cluster.ids.length);
    const ids = [...cluster.ids.slice(first), ...cluster.ids.slice(0, first)];
    const forMs = rng.between(0, rng.pick([20, 1_000, 4_000]));
    await delay(pauseMs);
    process.stdout.write(`  ${pauseMs} ms later ${ids[0]} ${name}, ${forMs} ms\n`);
    await stroke(cluster, ids, forMs);
  }
}

describe(`strokes of seed ${SEED}, ${MINUTES} minutes`, () => {
  for (let round = 0; performance.now() < UNTIL_MS && round < 10 * MINUTES; round++)
    test(`cluster ${round}`, { timeout: ROUND_DEADLINE_MS }, async (context) => {
      if (performance.now() > UNTIL_MS) return context.skip();
      const rng = new Rng(SEED + round, "nemesis");
      const cluster = await ownCluster(context);
      cluster.startAll();
      await strike(cluster, rng, rng.between(1, 3));
      for (let i = 0; i < ROUNDS_OF_A_CLUSTER; i++) {
        const load = await loadOn(cluster);
        await strike(cluster, rng, rng.between(1, 5));
        await load.settle();
      }
    });
});
