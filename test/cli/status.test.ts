import { appendFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { registerStatus, render, shownOf } from "../../src/cli/commands/status.js";
import { paintFor } from "../../src/cli/paint.js";
import { type StatusJson, statusShape } from "../../src/cli/schemas.js";
import type { ClusterConfig } from "../../src/config/cluster_config.js";
import { freePorts } from "../../src/demo/free_ports.js";
import { tempDir } from "../temp_dir.js";
import { ADMIN, authority, material, node, source } from "../transport/certificates.js";
import { closeAll, party } from "../transport/cluster_of_transports.js";
import { cli } from "./cli_run.js";
import { answersOf, type NodeJson, statusOf } from "./statuses.js";

afterEach(closeAll);

interface Cluster {
  readonly file: string;
  readonly ports: readonly number[];
}

async function cluster(): Promise<Cluster> {
  const ports = await freePorts(2);
  const nodes = ports.map(
    (port, i) => `  n${i + 1}: { host: 127.0.0.1, port: ${port}, postgres: { port: ${50 + i} } }`,
  );
  const file = join(await tempDir(), "quorate.yaml");
  await writeFile(file, `cluster: shop\nnodes:\n${nodes.join("\n")}\npolicy: majority\n`);
  return { file, ports };
}

const status = (...args: string[]) => cli(["status", ...args], [registerStatus]);

describe("quorate status", () => {
  test("nobody answers: says why of each node, and what to do", async () => {
    const { file, ports } = await cluster();
    const { code, stdout } = await status("-c", file);
    expect(code).toBe(3);
    expect(stdout).toMatch(/cluster +shop {2}nobody answers/);
    for (const port of ports) expect(stdout).toContain(`nothing listens on 127.0.0.1:${port}`);
    expect(stdout).toMatch(/next: start a sidecar .*npx quorate run -c \S+quorate.yaml --node n1; n2 likewise/);
    expect(JSON.parse((await status("-c", file, "-o", "json")).stdout)).toMatchObject({ leader: null });
  });

  test("a leader that is not established yet is no lack of a leader, with the exit code of one", async () => {
    const { file, ports } = await cluster();
    const answer: StatusJson = {
      ...JSON.parse((await status("-c", file, "-o", "json")).stdout),
      leader: "n1",
      term: 2,
    };
    const n1 = party({ id: "n1", port: ports[0] ?? 0, peers: [], snapshot: () => JSON.stringify(answer) });
    await n1.transport.start();
    const { code, stdout } = await status("-c", file);
    expect(code).toBe(2);
    expect(stdout).toMatch(/cluster +shop {2}no writes yet\nleader +n1, term 2, not established yet\n/);
    expect(stdout).not.toMatch(/no leader|next: start/);
  });

  test("the leader's lease is shown, with whoever did not renew it", () => {
    const shown = (lease: StatusJson["lease"]) => render(statusOf({ lease }), [], paintFor({}, false));
    expect(shown({ left_ms: 812, lacks: ["n3"] })).toMatch(
      /^lease +812 ms left without another grant; none lately from n3$/m,
    );
    expect(shown({ left_ms: null, lacks: [] })).toMatch(/^lease +needs no grant$/m);
    expect(shown(null)).not.toMatch(/^lease/m);
  });

  test("over TLS: with a certificate; one that expires soon is warned of, one that is missing ends the command", async () => {
    const { file, ports } = await cluster();
    const answer: StatusJson = JSON.parse((await status("-c", file, "-o", "json")).stdout);
    const by = await authority();
    const tls = source(await material({ by, identity: node("n1"), days: 12 }));
    const snapshot = () => JSON.stringify(answer);
    const n1 = party({ id: "n1", port: ports[0] ?? 0, peers: [], tls, snapshot });
    await n1.transport.start();
    await appendFile(file, "tls: { ca: tls/ca.crt, cert: tls/tls.crt, key: tls/tls.key }\n");
    const without = await status("-c", file);
    expect(without).toMatchObject({ code: 78, stdout: "" });
    expect(without.stderr).toMatch(/tls.key: \S+tls.key does not exist.*\nA command needs a certificate as well/);

    const folder = join(file, "../tls");
    const { ca, cert, key } = await material({ by, identity: ADMIN });
    await mkdir(folder);
    await writeFile(join(folder, "ca.crt"), ca);
    await writeFile(join(folder, "tls.crt"), cert);
    await writeFile(join(folder, "tls.key"), key, { mode: 0o600 });
    const { stdout } = await status("-c", file);
    expect(stdout).toMatch(/\nwarning: the certificate of n1 expires in 1[12] days .*; renew it/);
    const json = statusShape.parse(JSON.parse((await status("-c", file, "-o", "json")).stdout));
    expect(json.warnings).toEqual([expect.stringMatching(/^the certificate of n1 expires/)]);
  });

  test("warns while the file of a node does not name whom the rules count, and says no word of the others", () => {
    const config = { nodes: [] } as unknown as ClusterConfig;
    const cohort = ["n1", "n2", "n3"];
    const warned = (founds: NodeJson["founds"], decided = true) => {
      const rules = { number: [3, 1] as [number, number], decided, policy: "majority" as const, cohort };
      return shownOf(config, answersOf(statusOf({ ruleset: rules }, { n1: { founds } })), null).warnings;
    };
    expect(warned(["n1", "n2"])).toEqual([
      expect.stringMatching(/^the file of n1 does not name n3: write `founded: true` into .*: n1, n2, n3$/),
    ]);
    expect(warned(["n1", "n2"], false)).toEqual([]);
    expect(warned(["n1", "n2", "n3", "n4"])).toEqual([]);
    expect(warned(null)).toEqual([]);
  });

  test("a node that is not in the file is a refused configuration, as for run", async () => {
    const { file } = await cluster();
    const { code, stdout, stderr } = await status("-c", file, "--node", "n9");
    expect({ code, stdout }).toEqual({ code: 78, stdout: "" });
    expect(stderr).toMatch(/has no node "n9"; choose one of n1, n2/);
  });
});
