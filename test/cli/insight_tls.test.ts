import { appendFile, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { registerExplain } from "../../src/cli/commands/explain.js";
import { registerHistory } from "../../src/cli/commands/history.js";
import { registerWatch } from "../../src/cli/commands/watch.js";
import { explainShape, historyShape, watchShape } from "../../src/cli/insight_schemas.js";
import type { Terminal } from "../../src/cli/terminal.js";
import { ADMIN, authority, material, node, source } from "../transport/certificates.js";
import { cli } from "./cli_run.js";
import { servedCluster } from "./served_cluster.js";
import { statusOf } from "./statuses.js";

const PIPE: Terminal = {
  isTty: false,
  size: () => ({ columns: 80, rows: 24 }),
  ready: () => true,
  onResize: () => () => undefined,
  onStop: () => () => undefined,
};
const HISTORY = JSON.stringify({ schema: "quorate.history/1", cluster: "shop", node: "n1", terms: [] });

const run = (file: string, verb: string, ...args: string[]) =>
  cli([verb, "-c", file, "-o", "json", ...args], [registerWatch(PIPE), registerHistory, registerExplain]);
const watchOnce = (file: string) => run(file, "watch", "--count", "1");

/** n1 answers with a certificate of one authority; the command shows one of another, unless it is the same. */
async function overTls(sameAuthority: boolean) {
  const { file, serve } = await servedCluster();
  const by = await authority();
  const tls = source(await material({ by, identity: node("n1"), days: 12 }));
  await serve("n1", { tls, snapshot: () => JSON.stringify(statusOf()), history: async () => HISTORY });
  await appendFile(file, "tls: { ca: tls/ca.crt, cert: tls/tls.crt, key: tls/tls.key }\n");
  const folder = join(dirname(file), "tls");
  const install = async () => {
    const own = await material({ by: sameAuthority ? by : await authority(), identity: ADMIN });
    await mkdir(folder);
    await writeFile(join(folder, "ca.crt"), own.ca);
    await writeFile(join(folder, "tls.crt"), own.cert);
    await writeFile(join(folder, "tls.key"), own.key, { mode: 0o600 });
  };
  return { file, install };
}

test("without a certificate watch, history and explain end as status does; with one they are answered", async () => {
  const { file, install } = await overTls(true);
  for (const done of [watchOnce(file), run(file, "history"), run(file, "explain")])
    expect(await done).toMatchObject({ code: 78, stdout: "", stderr: expect.stringMatching(/needs a certificate/) });
  await install();
  const watched = await watchOnce(file);
  expect(watched.code).toBe(0);
  const line = watchShape.parse(JSON.parse(watched.stdout));
  expect(line.leader).toBe("n1");
  expect(line.warnings).toEqual([expect.stringMatching(/^the certificate of n1 expires/)]);
  const told = await run(file, "history");
  expect(historyShape.parse(JSON.parse(told.stdout)).node).toBe("n1");
  const explained = await run(file, "explain");
  expect(explainShape.parse(JSON.parse(explained.stdout)).nodes[0]).toMatchObject({ id: "n1", answers: true });
});

test("somebody who is there and not trusted is not nobody, and nothing of it is shown", async () => {
  const { file, install } = await overTls(false);
  await install();
  const told = await run(file, "history");
  expect(told).toMatchObject({ code: 1, stdout: "" });
  expect(told.stderr).toMatch(/^n1: not trusted: its certificate is signed by another authority/m);
  const line = watchShape.parse(JSON.parse((await watchOnce(file)).stdout));
  expect(line.silent[0]).toMatchObject({ id: "n1", reason: expect.stringMatching(/^not trusted/) });
});
