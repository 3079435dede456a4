import { EventEmitter } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { registerExplain } from "../../src/cli/commands/explain.js";
import { registerRestart } from "../../src/cli/commands/restart.js";
import { registerStatus } from "../../src/cli/commands/status.js";
import { restartShape } from "../../src/cli/order_schemas.js";
import { statusShape } from "../../src/cli/schemas.js";
import type { RestartRequest, RestartResult } from "../../src/core/orders.js";
import { freePorts } from "../../src/demo/free_ports.js";
import { tempDir } from "../temp_dir.js";
import { closeAll, party } from "../transport/cluster_of_transports.js";
import { cli } from "./cli_run.js";

afterEach(closeAll);

const terminal = new EventEmitter();
const run = (...args: string[]) => cli(args, [registerStatus, registerExplain, registerRestart(terminal)]);

const PENDING = [{ name: "max_connections", from: "100", to: "200" }];
const HELD = [{ name: "work_mem", wanted: "many", runs: "4MB", why: "Postgres does not take it: invalid value" }];

interface Cluster {
  readonly file: string;
  readonly orders: (RestartRequest & { readonly id: string })[];
}

/** Two sidecars of which n1 leads; on n2 a setting waits. `null`: an order is not answered. */
async function cluster(answer: RestartResult | null): Promise<Cluster> {
  const ports = await freePorts(2);
  const nodes = ports.map(
    (port, i) => `  n${i + 1}: { host: 127.0.0.1, port: ${port}, postgres: { port: ${50 + i} } }`,
  );
  const file = join(await tempDir(), "quorate.yaml");
  await writeFile(file, `cluster: shop\nnodes:\n${nodes.join("\n")}\npolicy: majority\n`);
  const empty = statusShape.parse(JSON.parse((await run("status", "-c", file, "-o", "json")).stdout));
  const [n1, n2] = empty.nodes;
  const follower = { ...n2, role: "follower", reachable: true, postgres: "running", streaming: true, why_not: null };
  const rows = [n1, { ...follower, pending_restart: PENDING, held_settings: HELD }];
  const orders: Cluster["orders"] = [];
  for (const [i, port] of ports.entries()) {
    const id = `n${i + 1}`;
    const node = party({
      ...{ id, port, peers: [] },
      snapshot: () => JSON.stringify({ ...empty, term: 2, leader: "n1", established: true, nodes: rows }),
      on: {
        restart: (call, request) => {
          orders.push({ id, ...request });
          if (answer !== null) node.transport.answerRestart(call, answer);
          else terminal.emit("SIGINT");
        },
      },
    });
    await node.transport.start();
  }
  return { file, orders };
}

const DONE: RestartResult = { kind: "done", leader: "n1", term: 2n, handedOver: false };

describe("quorate restart", () => {
  test("the node itself is asked, what waits is said, and what became of it", async () => {
    const { file, orders } = await cluster(DONE);
    const { code, stdout, stderr } = await run("restart", "n2", "-c", file);
    expect(code).toBe(0);
    expect(orders).toEqual([{ id: "n2", force: false, pendingOnly: false, deadlineMs: 60_000, cause: "by hand" }]);
    expect(stdout).toMatch(/^the Postgres of n2 was started again after \d+ ms, and streams from n1 in term 2\n$/);
    expect(stderr).toContain("asks n2 to restart its Postgres (pending: max_connections 100 -> 200)\n");
  });

  test("a leader hands over first, which is said; JSON is all that stdout carries", async () => {
    const { file, orders } = await cluster({ kind: "done", leader: "n2", term: 3n, handedOver: true });
    const { code, stdout, stderr } = await run("restart", "n1", "--pending", "--force", "-c", file, "-o", "json");
    expect([code, orders[0]]).toMatchObject([0, { id: "n1", force: true, pendingOnly: true }]);
    expect(stderr).toContain("n1 leads: it hands over to another node first, and comes back as a follower\n");
    const json = restartShape.parse(JSON.parse(stdout));
    expect(json).toMatchObject({ ok: true, node: "n1", restarted: true, handed_over: true, leader: "n2", term: 3 });
  });

  test("refused: exit code 4, with the reason, the missing nodes and what to do", async () => {
    const refusal = { code: "commits_would_wait", reason: "n3 is away", missing: ["n3"], nextStep: "wait" } as const;
    const { file } = await cluster({ kind: "refused", refusal });
    const text = await run("restart", "n2", "-c", file);
    expect([text.code, text.stdout]).toEqual([4, ""]);
    expect(text.stderr).toContain("refused, nothing was done: n3 is away; next: wait");
    const json = restartShape.parse(JSON.parse((await run("restart", "n2", "-c", file, "-o", "json")).stdout));
    expect(json).toMatchObject({ ok: false, restarted: false, pending: PENDING, refusal: { missing: ["n3"] } });
  });

  test("nothing waits, or it does not come back", async () => {
    const none = await cluster({ kind: "not_needed" });
    const not = await run("restart", "n2", "--pending", "-c", none.file, "-o", "json");
    expect([not.code, restartShape.parse(JSON.parse(not.stdout)).restarted]).toEqual([0, false]);
    const late = await cluster({ kind: "unknown", reason: "n2 does not stream yet", nextStep: "look" });
    const { code, stdout, stderr } = await run("restart", "n2", "-c", late.file);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toContain("n2 does not stream yet; next: look");
  });

  test("interrupted: the order goes on, and that is said", async () => {
    const { file, orders } = await cluster(null);
    const { code, stdout, stderr } = await run("restart", "n2", "-c", file);
    expect([code, stdout, orders.length]).toEqual([130, "", 1]);
    expect(stderr).toContain("interrupted: n2 goes on with the order; next: quorate status");
    expect(terminal.listenerCount("SIGINT")).toBe(0);
  });

  test("nobody answers, or what was typed is wrong", async () => {
    const { file, orders } = await cluster(DONE);
    expect((await run("restart", "n9", "-c", file)).code).toBe(64);
    expect((await run("restart", "n1", "--node", "n2", "-c", file)).code).toBe(64);
    expect((await run("restart", "n2", "--deadline", "5", "-c", file)).code).toBe(64);
    await closeAll();
    expect((await run("restart", "n2", "-c", file)).code).toBe(3);
    expect(orders).toEqual([]);
  });
});

test("status and explain say what waits, what no restart brings, and what to do", async () => {
  const { file } = await cluster(DONE);
  const { stdout } = await run("status", "-c", file);
  expect(stdout).toContain("n2 pending restart: max_connections 100 -> 200\n");
  expect(stdout).toContain("n2 runs with work_mem 4MB, not many: Postgres does not take it: invalid value\n");
  expect(stdout).toContain("next: quorate restart n2 --pending\n");
  const json = statusShape.parse(JSON.parse((await run("status", "-c", file, "-o", "json")).stdout));
  expect(json.nodes.map((node) => node.pending_restart ?? null)).toEqual([null, PENDING]);
  expect((await run("explain", "-c", file)).stdout).toContain("n2 pending restart: max_connections 100 -> 200");
});
