import { writeFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { loadConfig } from "../../src/config/load.js";
import { freePorts } from "../../src/demo/free_ports.js";
import { homeAt } from "../../src/demo/home.js";
import { type ClusterPlan, configText, parsePolicy, planNodes, portsNeeded, SMALL } from "../../src/demo/plan.js";
import { parseSegments } from "../../src/demo/shared_memory.js";
import { tempDir } from "../temp_dir.js";

describe("plan", () => {
  test.each([
    ["majority", "majority"],
    ["at_least:2", { at_least: 2 }],
    ["at_least=3", { at_least: 3 }],
    ["{ at_least: 2 }", { at_least: 2 }],
    ["most", null],
    ["at_least", null],
    ["at_least:-1", null],
  ])("policy %s", (text, policy) => {
    expect(parsePolicy(text)).toEqual(policy);
  });

  test("the configuration that is written is one that is accepted, and says what was planned", async () => {
    const home = homeAt(await tempDir());
    const nodes = planNodes(home, 3, await freePorts(portsNeeded(3)));
    const plan: ClusterPlan = { cluster: "demo", nodes, policy: { at_least: 2 }, settings: SMALL, binDir: null };
    await writeFile(home.config, configText(plan));
    const loaded = await loadConfig({ file: home.config, env: {}, secrets: "skip" });
    if (loaded.kind === "refused") throw new Error(JSON.stringify(loaded.problems));
    expect(loaded.warnings).toEqual([]);
    expect(loaded.config.policy).toEqual({ kind: "at_least", copies: 2 });
    expect(loaded.config.nodes.map(({ id, port, postgres, data_dir }) => [id, port, postgres.port, data_dir])).toEqual(
      nodes.map(({ id, port, pgPort, dataDir }) => [id, port, pgPort, dataDir]),
    );
    expect(loaded.config.nodes[0]?.postgres.hba).toEqual(["host all all 127.0.0.1/32 trust"]);
  });

  test("ports are all different, and below those of outgoing connections", async () => {
    const ports = await freePorts(21);
    expect(new Set(ports).size).toBe(21);
    for (const port of ports) expect(port).toBeGreaterThan(1024);
  });
});

test("the table of shared memory", () => {
  const table = `       key      shmid perms                  size  cpid  lpid nattch   uid   gid
   2206255     327724   600                    56 18566 18566      1   101   104
`;
  expect(parseSegments(table)).toEqual([{ key: 2206255, id: 327724, creator: 18566, attached: 1, uid: 101 }]);
  expect(parseSegments("")).toEqual([]);
});
