import { HEAL_MS, type TestCluster } from "./cluster.js";
import type { Load } from "./load.js";
import { waitFor } from "./waiting.js";

const WAITING =
  "select count(*) from pg_stat_activity where wait_event = 'SyncRep' and backend_type = 'client backend'";

/** The leader dies with commits that nobody else has, and another one leads: its node is left for the caller to start. */
export async function diverge(cluster: TestCluster, load: Load): Promise<string> {
  const victim = await cluster.leader();
  const followers = cluster.others(victim);
  await cluster.killNodes(followers);
  await waitFor("commits to wait", HEAL_MS, async () => Number(await cluster.askPostgres(victim, WAITING)) > 0);
  await cluster.killNode(victim);
  for (const id of followers) cluster.start(id);
  await cluster.untilLed([victim]);
  await load.goesOn();
  return victim;
}
