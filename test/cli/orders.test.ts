import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { registerFailover, registerSwitchover } from "../../src/cli/commands/handover.js";
import { registerPause, registerResume } from "../../src/cli/commands/pause.js";
import { registerStatus } from "../../src/cli/commands/status.js";
import { handoverShape, pauseShape } from "../../src/cli/order_schemas.js";
import type { HandoverResult } from "../../src/core/orders.js";
import { freePorts } from "../../src/demo/free_ports.js";
import { tempDir } from "../temp_dir.js";
import { closeAll, type Party, party } from "../transport/cluster_of_transports.js";
import { cli } from "./cli_run.js";

afterEach(closeAll);

const run = (...args: string[]) =>
  cli(args, [registerStatus, registerSwitchover, registerFailover, registerPause, registerResume]);

interface Cluster {
  readonly file: string;
  /** Who was asked for what. */
  readonly orders: string[];
}

/** Two sidecars of which n1 leads, that answer each order so. */
async function cluster(answer: HandoverResult, leads = true): Promise<Cluster> {
  const ports = await freePorts(2);
  const nodes = ports.map(
    (port, i) => `  n${i + 1}: { host: 127.0.0.1, port: ${port}, postgres: { port: ${50 + i} } }`,
  );
  const file = join(await tempDir(), "quorate.yaml");
  await writeFile(file, `cluster: shop\nnodes:\n${nodes.join("\n")}\npolicy: majority\n`);
  const empty = JSON.parse((await run("status", "-c", file, "-o", "json")).stdout) as object;
  const led = leads ? { leader: "n1", established: true } : {};
  const orders: string[] = [];
  let pause = { paused: false, number: 0, by: "" };
  for (const [i, port] of ports.entries()) {
    const id = `n${i + 1}`;
    const node: Party = party({
      ...{ id, port, peers: [] },
      snapshot: () => JSON.stringify({ ...empty, term: 2, ...led, paused: pause.paused }),
      on: {
        handover: (kind, call, { to }) => {
          orders.push(`${id} ${kind} ${to}`);
          node.transport.answerHandover(call, answer);
        },
        setPause: (call, paused) => {
          orders.push(`${id} ${paused}`);
          pause = { paused, number: pause.number + 1, by: id };
          node.transport.answerPause(call, { pause });
        },
      },
    });
    await node.transport.start();
  }
  return { file, orders };
}

const DONE: HandoverResult = { kind: "done", leader: "n2", term: 3n };

describe("quorate switchover and failover", () => {
  test("done: the leader is asked, and who leads is said", async () => {
    const { file, orders } = await cluster(DONE);
    const { code, stdout, stderr } = await run("switchover", "-c", file, "--to", "n2");
    expect([code, orders]).toEqual([0, ["n1 switchover n2"]]);
    expect(stdout).toMatch(/^n2 leads term 3, after \d+ ms\n$/);
    expect(stderr).toContain("asks n1 for a switchover from n1 to n2\n");
  });

  test("a failover is not asked of the leader, and JSON is all that stdout carries", async () => {
    const { file, orders } = await cluster(DONE);
    const { code, stdout } = await run("failover", "-c", file, "-o", "json");
    expect([code, orders]).toEqual([0, ["n2 failover null"]]);
    const json = handoverShape.parse(JSON.parse(stdout));
    expect(json).toMatchObject({ ok: true, from: "n1", asked: "n2", leader: "n2", term: 3, refusal: null });
  });

  test("refused: exit code 4, with the reason, the missing nodes and what to do", async () => {
    const refusal = { code: "target_lags", reason: "n2 is 9 bytes behind", missing: ["n2"], nextStep: "wait" } as const;
    const { file } = await cluster({ kind: "refused", refusal });
    const text = await run("switchover", "-c", file);
    expect([text.code, text.stdout]).toEqual([4, ""]);
    expect(text.stderr).toContain("refused, nothing was done: n2 is 9 bytes behind; next: wait");
    const { code, stdout } = await run("switchover", "-c", file, "-o", "json");
    const json = handoverShape.parse(JSON.parse(stdout));
    expect([code, json.ok, json.refusal?.missing]).toEqual([4, false, ["n2"]]);
  });

  test("another one leads than was asked for: exit code 1, and what changed is said", async () => {
    const { file } = await cluster({ kind: "failed", leader: "n1", term: 3n, reason: "n2 was late" });
    const { code, stdout, stderr } = await run("switchover", "-c", file);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toContain("n1 leads term 3: n2 was late");
  });

  test("nobody leads: nobody can hand over", async () => {
    const { file, orders } = await cluster(DONE, false);
    const { code, stderr } = await run("switchover", "-c", file);
    expect([code, orders]).toEqual([4, []]);
    expect(stderr).toContain("nobody leads since term 2, so nobody can hand over; next: ");
  });

  test("nobody answers, or what was typed is wrong", async () => {
    const { file } = await cluster(DONE);
    expect((await run("switchover", "-c", file, "--to", "n9")).code).toBe(64);
    expect((await run("failover", "-c", file, "--deadline", "5")).code).toBe(64);
    await closeAll();
    expect((await run("switchover", "-c", file)).code).toBe(3);
    expect((await run("pause", "-c", file)).code).toBe(3);
  });
});

describe("quorate pause and resume", () => {
  test("any node takes it, all keep it, and status shouts", async () => {
    const { file, orders } = await cluster(DONE);
    const { code, stdout } = await run("pause", "-c", file, "-o", "json");
    expect([code, orders]).toEqual([0, ["n1 true"]]);
    expect(pauseShape.parse(JSON.parse(stdout))).toMatchObject({ ok: true, paused: true, kept_by: ["n1", "n2"] });
    const status = await run("status", "-c", file);
    expect([status.code, status.stdout]).toEqual([1, expect.stringMatching(/^PAUSED: .*next: quorate resume\n/)]);
    expect(await run("resume", "-c", file, "--node", "n2")).toMatchObject({
      code: 0,
      stdout: "elections are resumed on n1, n2\n",
    });
    expect(orders).toEqual(["n1 true", "n2 false"]);
  });
});
