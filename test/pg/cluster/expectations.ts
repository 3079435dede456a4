import { expect } from "vitest";
import { type ProcEntry, stillRuns } from "../../../src/demo/proc_files.js";
import type { TestCluster } from "./cluster.js";

/** A sidecar that finds a Postgres running ends all of it and starts its own. */
export function expectFencedAnew(cluster: TestCluster, id: string, found: readonly ProcEntry[]): void {
  expect(found.length).toBeGreaterThan(0);
  expect(found.filter(stillRuns).map(({ pid, args }) => `${pid} ${args.join(" ")}`)).toEqual([]);
  expect(cluster.postgresOf(id).length).toBeGreaterThan(0);
}
