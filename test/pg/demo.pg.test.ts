import { stat } from "node:fs/promises";
import { expect, onTestFinished, test } from "vitest";
import { demoShape } from "../../src/cli/schemas.js";
import { endDemo } from "../../src/demo/ending.js";
import { FAULTS } from "../../src/demo/fault.js";
import { freePorts } from "../../src/demo/free_ports.js";
import { makeHome } from "../../src/demo/home.js";
import { planNodes, portsNeeded, SMALL } from "../../src/demo/plan.js";
import { blankReport, play } from "../../src/demo/play.js";
import { listDemoProcesses } from "../../src/demo/processes.js";
import { Progress } from "../../src/demo/progress.js";
import { testBinaries } from "./harness/instance.js";

/** The whole demo on real sidecars (those of `dist`), once for each fault, on the first Postgres of this machine. */
test.each(FAULTS)("a demo whose leader's %s is killed loses nothing and leaves nothing", async (fault) => {
  const home = await makeHome(undefined);
  // Also after a failure in the middle.
  onTestFinished(async () => {
    await endDemo(home);
  });
  const nodes = planNodes(home, 3, await freePorts(portsNeeded(3)));
  const binDir = testBinaries[0]?.binDir ?? null;
  const plan = { cluster: "demo", nodes, policy: "majority", settings: SMALL, binDir } as const;
  const lines: string[] = [];
  const progress = new Progress({ write: (text) => lines.push(text) }, false);
  const stage = { home, plan, fault, progress, signal: new AbortController().signal };
  const report = blankReport(stage);
  await play(stage, report).catch((error: unknown) => {
    throw new Error(lines.join(""), { cause: error });
  });
  demoShape.parse(report);
  expect(report.ok).toBe(true);
  expect(report.verify).toMatchObject({ lost: 0, duplicated: 0, phantom: 0 });
  expect(report.writer.acked).toBeGreaterThan(0);
  expect(await endDemo(home)).toEqual([]);
  expect(listDemoProcesses(home)).toEqual([]);
  await expect(stat(home.dir)).rejects.toThrow(/ENOENT/);
});
