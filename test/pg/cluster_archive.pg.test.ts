import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { connect, hangUp } from "../../src/demo/client.js";
import { freePorts } from "../../src/demo/free_ports.js";
import { Backrest, findBackrest } from "./cluster/backrest.js";
import { clusterBinaries } from "./cluster/binaries.js";
import { HEAL_MS, type TestCluster } from "./cluster/cluster.js";
import { quorate } from "./cluster/command.js";
import { freezeAt } from "./cluster/freeze.js";
import { ownCluster } from "./cluster/scenarios.js";
import { waitFor } from "./cluster/waiting.js";

const program = findBackrest();
/** The newest one that the distribution's pgBackRest knows. */
const MAJOR_MAX = 15;
const { major } = await clusterBinaries();

describe.skipIf(program === null || major > MAJOR_MAX)("archiving with pgBackRest", () => {
  test("a backup, failovers, WAL that a dead leader had not archived, a term burnt by a promotion: restored to a point, nothing is missing", async (context) => {
    const cluster = await ownCluster(context);
    const backrest = await Backrest.create(program ?? "", join(cluster.home.dir, "pgbackrest"));
    await cluster.configure({ archive_command: backrest.archiveCommand });
    await backrest.configure(cluster);
    cluster.startAll();
    const { leader: first, term } = await cluster.healed();
    await backrest.do(first, "stanza-create");
    await cluster.askPostgres(first, "create table archived (n int primary key)");
    await insert(cluster, first, 1);
    await backrest.do(first, "backup", "--type=full", "--start-fast");

    // Acknowledged, and archived by nobody: the followers hold these segments for archived.
    await backrest.shut();
    await insert(cluster, first, 2);
    const lost = await cluster.askPostgres(first, "select pg_walfile_name(pg_switch_wal())");
    await insert(cluster, first, 3);
    await cluster.killNode(first);
    const before = (await backrest.archived()).length;
    await backrest.open();
    const second = await cluster.untilLed([first]);
    await insert(cluster, second, 4);
    await waitFor("the dead leader's segment to be archived", HEAL_MS, async () =>
      (await backrest.archived()).some(({ node, file }) => node === second && file === lost),
    );
    expect((await backrest.archived()).slice(before).map(({ node }) => node)).not.toContain(first);
    cluster.start(first);
    await cluster.healed();

    const burnt = await burnTerm(cluster, second);
    const third = await cluster.untilLed([burnt.node]);
    await cluster.askPostgres(third, "select pg_create_restore_point('wanted')");
    await insert(cluster, third, 5);
    cluster.start(burnt.node);
    await cluster.healed();
    await cluster.killPostmaster(third);
    const fourth = await cluster.untilLed([third]);
    await insert(cluster, fourth, 6);
    const status = await cluster.healed();
    expect(status.term).toBe((term ?? 0) + 4);
    await cluster.askPostgres(fourth, "select pg_switch_wal()");
    const waiting = "select count(*) from pg_ls_archive_statusdir() where name like '%.ready'";
    await waitFor(
      "all that is there to be archived",
      HEAL_MS,
      async () => (await cluster.askPostgres(fourth, waiting)) === "0",
    );
    const leaders = new Set([first, second, third, fourth]);
    const { nodes } = status;
    for (const { node, file } of await backrest.archived()) {
      expect(leaders).toContain(node);
      // Nobody archives what was written after its own time.
      expect(Number.parseInt(file.slice(0, 8), 16)).toBeLessThanOrEqual(Math.max(...termsOf(cluster, node)));
    }
    // Nobody ever led under it: neither its WAL nor its history is there, as a gap or otherwise.
    expect((await backrest.stored()).filter((file) => file.startsWith(timelineName(burnt.term)))).toEqual([]);

    const dir = join(cluster.home.dir, "restored");
    const { stdout } = await quorate(["status", "-c", cluster.home.config]);
    const [, shown = ""] = /^restore to +timeline (\d+)/m.exec(stdout) ?? [];
    const timeline = Number(shown);
    expect(timeline).toBe(nodes.find(({ id }) => id === fourth)?.timeline);
    const [port = 0] = await freePorts(1);
    onTestFinished(() => backrest.stopRestored(dir));
    const socket = await backrest.restored({ id: fourth, point: "wanted", timeline, dir, port });
    const client = await connect({ host: socket, port });
    try {
      // It takes readers while it recovers, and ends if the point is never reached.
      await waitFor("the restored Postgres to reach the point", HEAL_MS, async () => {
        const { rows } = await client.query<{ ends: boolean }>("select not pg_is_in_recovery() as ends");
        return rows[0]?.ends === true;
      });
      const { rows } = await client.query("select count(*)::int as n, max(n) as last from archived");
      expect(rows).toEqual([{ n: 400, last: 400 }]);
    } finally {
      hangUp(client);
      await backrest.stopRestored(dir);
    }
  });
});

/**
 * A promotion whose leader dies before it is established, and before anybody has heard of it: its timeline is there on its
 * disk, and no other node ever sees it (POSTGRES.md A and K).
 */
async function burnTerm(cluster: TestCluster, leader: string): Promise<{ node: string; term: number }> {
  const { term: before } = await cluster.healed();
  const term = (before ?? 0) + 1;
  const [node = ""] = cluster.others(leader);
  const history = `${timelineName(term)}.history`;
  const historyOf = (id: string) => join(cluster.node(id).dataDir, "pgdata", "pg_wal", history);
  const sidecar = cluster.sidecarOf(node);
  const frozen = freezeAt({ sidecar, path: historyOf(node), text: "\t", deadlineMs: HEAL_MS });
  const ordered = quorate(["switchover", "--to", node, "-c", cluster.home.config]);
  expect(await frozen, "it was being promoted").toBe(true);
  await cluster.killNode(node);
  expect((await ordered).code).not.toBe(0);
  const next = await cluster.untilLed([node]);
  expect(cluster.logs().filter(({ mark, data }) => mark === "established" && data.term === term)).toEqual([]);
  expect(await readFile(historyOf(node), "utf8"), "on the disk of the dead").toContain(`${before}\t`);
  expect(await readFile(historyOf(next), "utf8"), "with the next leader").toBe("# gap\n");
  return { node, term };
}

function timelineName(term: number): string {
  return term.toString(16).toUpperCase().padStart(8, "0");
}

/** A hundred rows more, acknowledged by a quorum; a new leader is established a moment before it lets clients in. */
async function insert(cluster: TestCluster, id: string, hundred: number): Promise<void> {
  const from = (hundred - 1) * 100 + 1;
  const rows = `insert into archived select generate_series(${from}, ${from + 99}) on conflict do nothing`;
  let refused = "";
  await waitFor(
    () => `${id} to take rows: ${refused}`,
    HEAL_MS,
    () =>
      cluster.askPostgres(id, rows).then(
        () => true,
        (error: unknown) => {
          refused = String(error);
          return false;
        },
      ),
  );
}

function termsOf(cluster: TestCluster, id: string): readonly number[] {
  return cluster.marks(id, "established").map(({ data }) => Number(data.term));
}
