import { appendFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { connect, hangUp } from "../../src/demo/client.js";
import { HOST } from "../../src/demo/plan.js";
import { HEAL_MS, type TestCluster } from "./cluster/cluster.js";
import { loadOn, sharedCluster } from "./cluster/scenarios.js";
import { waitFor, waitForValue } from "./cluster/waiting.js";

const NAMES = "select current_setting('synchronous_standby_names')";
/** From here on `alter system` is refused, and a superuser has to edit the file. */
const ALTER_SYSTEM_OFF = 170_000;
/** "Within a few seconds", on a busy machine. */
const NOTICED_MS = 10_000;

describe("a superuser meddles with a running leader", () => {
  const shared = sharedCluster();

  test("other names are set: undone and reported, the term goes on", async () => {
    const cluster = shared();
    const load = await loadOn(cluster);
    const { leader, term } = await cluster.healed();
    const ours = await cluster.askPostgres(leader, NAMES);
    const told = cluster.marks(leader, "foreign_names").length;
    // Satisfied by any follower, under whatever term: commits would be released by a rule that is not the policy.
    await setNames(cluster, leader, "FIRST 1 (*)");
    await waitFor("the foreign names to be reported", NOTICED_MS, () => {
      const [note] = cluster.marks(leader, "foreign_names").slice(told);
      return note?.data.shown === "FIRST 1 (*)";
    });
    await waitFor("our names to be back", NOTICED_MS, async () => (await cluster.askPostgres(leader, NAMES)) === ours);
    await load.settle();
    const after = await cluster.healed();
    expect([after.leader, after.term]).toEqual([leader, term]);
  });

  test("the names are emptied: another one leads, and took what was acknowledged meanwhile", async () => {
    const cluster = shared();
    const load = await loadOn(cluster);
    const { leader, term } = await cluster.healed();
    const told = cluster.marks(leader, "foreign_names").length;
    await setNames(cluster, leader, "");
    const note = await waitForValue("the emptied names to be noticed", NOTICED_MS, () => {
      return cluster.marks(leader, "foreign_names").slice(told)[0] ?? null;
    });
    expect(note.text).toContain("commits wait for nobody");
    await cluster.untilLed([leader]);
    await load.settle();
    expect((await cluster.healed()).term).toBeGreaterThan(term ?? 0);
  });

  test("the schema quorate is dropped: its leader writes it again, and all nodes may be restarted", async () => {
    const cluster = shared();
    const load = await loadOn(cluster);
    const { leader, term } = await cluster.healed();
    await cluster.askPostgres(leader, "drop schema quorate cascade");
    for (const id of cluster.ids) await untilDecided(cluster, id, String(term));
    expect(cluster.marks(leader, "records_lost").at(-1)?.data.term).toBe(term);
    const after = await cluster.healed();
    expect([after.leader, after.term]).toEqual([leader, term]);
    await cluster.killNodes(cluster.ids);
    cluster.startAll();
    await load.settle();
  });

  test("the rows of its term are deleted: they are written again", async () => {
    const cluster = shared();
    const load = await loadOn(cluster);
    const { leader, term } = await cluster.healed();
    await cluster.askPostgres(leader, `delete from quorate.ruleset_history where term = ${term}`);
    await untilDecided(cluster, leader, String(term));
    expect(cluster.marks(leader, "records_lost").at(-1)?.data.term).toBe(term);
    for (const id of cluster.ids) await untilDecided(cluster, id, String(term));
    await load.settle();
  });

  test("the table is kept locked: the lock is ended, and a successor can read its rules", async () => {
    const cluster = shared();
    const load = await loadOn(cluster);
    const { leader } = await cluster.healed();
    const client = await connect({ host: HOST, port: cluster.node(leader).pgPort });
    try {
      await client.query("begin");
      await client.query("lock table quorate.ruleset_history in access exclusive mode");
      await waitFor("the lock to be ended", NOTICED_MS, async () => (await cluster.askPostgres(leader, LOCKS)) === "0");
    } finally {
      hangUp(client);
    }
    // The followers have replayed the lock, and with what comes next its end.
    await load.goesOn();
    await cluster.killNode(leader);
    await cluster.untilLed([leader]);
    cluster.start(leader);
    await load.settle();
  });
});

const LOCKS =
  "select count(*) from pg_locks where relation = to_regclass('quorate.ruleset_history') and mode = 'AccessExclusiveLock'";

/** By whatever way this version of Postgres leaves a superuser, and in force. */
async function setNames(cluster: TestCluster, id: string, names: string): Promise<void> {
  const version = Number(await cluster.askPostgres(id, "select current_setting('server_version_num')"));
  const setting = `synchronous_standby_names = '${names}'`;
  if (version < ALTER_SYSTEM_OFF) await cluster.askPostgres(id, `alter system set ${setting}`);
  else await appendFile(join(cluster.node(id).dataDir, "pgdata", "postgresql.auto.conf"), `${setting}\n`);
  await cluster.askPostgres(id, "select pg_reload_conf()");
}

async function untilDecided(cluster: TestCluster, id: string, term: string): Promise<void> {
  const ask = "select term from quorate.current_ruleset";
  await waitFor(`the rules of term ${term} on ${id}`, HEAL_MS, async () => {
    // Until it is there again, asking is an error.
    return (await cluster.askPostgres(id, ask).catch(() => null)) === term;
  });
}
