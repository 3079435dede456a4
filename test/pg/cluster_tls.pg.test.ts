import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parseDocument } from "yaml";
import type { StatusJson } from "../../src/cli/schemas.js";
import { fetchStatus } from "../../src/transport/admin_client.js";
import { HEAL_MS, type TestCluster } from "./cluster/cluster.js";
import { quorate } from "./cluster/command.js";
import { ownCluster } from "./cluster/scenarios.js";
import { waitFor, waitForValue } from "./cluster/waiting.js";

/** The configuration of a cluster whose nodes lie on one machine: each names the folder that `tls init` made for it. */
async function withTls(cluster: TestCluster): Promise<void> {
  const { config } = cluster.home;
  const document = parseDocument(await readFile(config, "utf8"));
  for (const id of cluster.ids) {
    const folder = `quorate-tls/nodes/${id}`;
    document.setIn(["nodes", id, "tls"], {
      ca: `${folder}/ca.crt`,
      cert: `${folder}/tls.crt`,
      key: `${folder}/tls.key`,
    });
  }
  await writeFile(config, document.toString());
}

async function untilHealthy(
  cluster: TestCluster,
  except: string | null,
): Promise<StatusJson & { readonly leader: string }> {
  return waitForValue("`quorate status` to end with 0", HEAL_MS, async () => {
    const { code, stdout } = await quorate(["status", "-c", cluster.home.config, "-o", "json"]);
    if (code !== 0) return null;
    const status = JSON.parse(stdout) as StatusJson;
    const { leader } = status;
    return leader === null || leader === except ? null : { ...status, leader };
  });
}

test("a cluster founded over mTLS fails over; certificates are renewed under way; nobody without one is heard", async (context) => {
  const cluster = await ownCluster(context);
  await withTls(cluster);
  const init = (...args: string[]) => quorate(["tls", "init", "-c", cluster.home.config, ...args]);

  // Without certificates nothing starts, and the reason names the file and the command.
  const [first = ""] = cluster.ids;
  const refused = await cluster.run(first);
  expect(refused.code).toBe(78);
  expect(refused.stderr).toMatch(/tls.cert: \S+tls.crt does not exist; `quorate tls init`/);

  expect((await init()).code).toBe(0);
  cluster.startAll();
  const { leader } = await untilHealthy(cluster, null);

  const { port } = cluster.node(leader);
  const question = { node: leader, host: "127.0.0.1", port, cluster: cluster.plan.cluster, deadlineMs: 3_000 };
  expect(await fetchStatus({ ...question, tls: null })).toMatchObject({ ok: false });

  const [renewed = ""] = cluster.others(leader);
  expect((await init("--renew", "--node", renewed, "--days", "20")).code).toBe(0);
  await cluster.killPostmaster(leader);
  const after = await untilHealthy(cluster, leader);
  cluster.expectOneLeaderPerTerm();
  await waitFor(
    "the renewed certificate to be read",
    HEAL_MS,
    () => cluster.marks(renewed, "tls_reloaded").length === 1,
  );
  const { stdout } = await quorate(["status", "-c", cluster.home.config]);
  expect(stdout).toMatch(new RegExp(`warning: the certificate of ${renewed} expires in (19|20) days`));

  // The passwords that the founder made have travelled to all.
  const passwords = cluster.ids.map((id) =>
    readFile(join(cluster.node(id).dataDir, "state", "credentials.json"), "utf8"),
  );
  expect(new Set(await Promise.all(passwords)).size).toBe(1);
  expect(cluster.logs().filter(({ mark }) => mark === "untrusted")).toEqual([]);
  expect(after.warnings?.length ?? 0).toBeLessThanOrEqual(1);
});
