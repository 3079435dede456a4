import { afterAll, afterEach, beforeAll, beforeEach, onTestFinished, type TestContext } from "vitest";
import type { ClusterPlan } from "../../../src/demo/plan.js";
import { TestCluster } from "./cluster.js";
import { Load } from "./load.js";
import { expectReplayed } from "./records.js";

/** A cluster for one test, gone when the test is over; a failure tells what its sidecars had to say. */
export async function ownCluster({ onTestFailed }: Pick<TestContext, "onTestFailed">): Promise<TestCluster> {
  const cluster = await TestCluster.create();
  onTestFinished(async () => {
    try {
      await expectReplayed(cluster);
    } finally {
      await cluster.destroy();
    }
  });
  onTestFailed(() => report(cluster));
  return cluster;
}

/** One cluster for all tests of a file: each finds it whole and leaves it whole. */
export function sharedCluster(more: Partial<ClusterPlan> = {}): () => TestCluster {
  let cluster: TestCluster | null = null;
  beforeAll(async () => {
    cluster = await TestCluster.founded(more);
  });
  beforeEach(({ onTestFailed }) => {
    onTestFailed(() => report(need(cluster)));
  });
  afterEach(() => expectReplayed(need(cluster)));
  afterAll(async () => {
    await cluster?.destroy();
  });
  return () => need(cluster);
}

/** Clients at work until the test ends them by `settle`; if it fails before, they are sent away. */
export async function loadOn(cluster: TestCluster): Promise<Load> {
  const load = await Load.start(cluster);
  onTestFinished(() => load.abandon());
  return load;
}

function need(cluster: TestCluster | null): TestCluster {
  if (cluster === null) throw new Error("the cluster was not founded");
  return cluster;
}

function report(cluster: TestCluster): void {
  process.stderr.write(`what the sidecars had to say:\n${cluster.story()}\n`);
}
