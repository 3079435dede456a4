import { appendFile, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { registerFailover, registerSwitchover } from "../../src/cli/commands/handover.js";
import { registerPause } from "../../src/cli/commands/pause.js";
import { ADMIN, authority, material, node, source } from "../transport/certificates.js";
import { type Party, party } from "../transport/cluster_of_transports.js";
import { cli } from "./cli_run.js";
import { servedCluster } from "./served_cluster.js";
import { statusOf } from "./statuses.js";

const run = (file: string, ...args: string[]) =>
  cli([...args, "-c", file], [registerSwitchover, registerFailover, registerPause]);

/** n1 leads and takes orders with a certificate of one authority; the commands show one of another, unless it is the same. */
async function overTls(sameAuthority: boolean) {
  const { file, portOf } = await servedCluster();
  const by = await authority();
  const orders: string[] = [];
  let paused = false;
  const n1: Party = party({
    ...{ id: "n1", port: portOf("n1"), peers: [], snapshot: () => JSON.stringify(statusOf({ paused })) },
    tls: source(await material({ by, identity: node("n1") })),
    on: {
      handover: (kind, call) => {
        orders.push(kind);
        n1.transport.answerHandover(call, { kind: "done", leader: "n2", term: 4n });
      },
      setPause: (call, wanted) => {
        orders.push("pause");
        paused = wanted;
        n1.transport.answerPause(call, { pause: { paused, number: 1, by: "n1" } });
      },
    },
  });
  await n1.transport.start();
  const own = await material({ by: sameAuthority ? by : await authority(), identity: ADMIN });
  const folder = join(dirname(file), "tls");
  const install = async () => {
    await appendFile(file, "tls: { ca: tls/ca.crt, cert: tls/tls.crt, key: tls/tls.key }\n");
    await mkdir(folder);
    await writeFile(join(folder, "ca.crt"), own.ca);
    await writeFile(join(folder, "tls.crt"), own.cert);
    await writeFile(join(folder, "tls.key"), own.key, { mode: 0o600 });
  };
  return { file, orders, install };
}

test("with a certificate of the cluster orders are carried out; in the clear nobody takes one", async () => {
  const { file, orders, install } = await overTls(true);
  for (const verb of ["switchover", "failover", "pause"]) expect((await run(file, verb)).code).toBe(3);
  expect(orders).toEqual([]);
  await install();
  expect(await run(file, "switchover", "--to", "n2")).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^n2 leads term 4/),
  });
  expect((await run(file, "failover", "--node", "n1")).code).toBe(0);
  expect(await run(file, "pause")).toMatchObject({ code: 0, stdout: expect.stringMatching(/paused on n1/) });
  expect(orders).toEqual(["switchover", "failover", "pause"]);
});

test("with a certificate of another authority nobody takes an order", async () => {
  const { file, orders, install } = await overTls(false);
  await install();
  for (const verb of ["switchover", "failover", "pause"]) {
    const { code, stderr } = await run(file, verb);
    expect([code, stderr]).toEqual([3, expect.stringContaining("not trusted")]);
  }
  expect(orders).toEqual([]);
});
