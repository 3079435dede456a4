import { describe, test } from "vitest";
import { HEAL_MS } from "./cluster/cluster.js";
import { quorate } from "./cluster/command.js";
import { loadOn, sharedCluster } from "./cluster/scenarios.js";
import { waitFor } from "./cluster/waiting.js";

interface Handover {
  readonly ok: boolean;
  readonly leader: string | null;
  readonly term: number | null;
  readonly refusal: { readonly code: string } | null;
}

describe("an operator orders", () => {
  const shared = sharedCluster();

  async function order(...args: string[]) {
    const { code, stdout, stderr } = await quorate([...args, "-c", shared().home.config, "-o", "json"]);
    return { code, json: JSON.parse(stdout) as Handover, stderr };
  }

  test("switchover under load: the roles are swapped, nothing is lost, nobody clones", async ({ expect }) => {
    const cluster = shared();
    const load = await loadOn(cluster);
    const before = await cluster.healed();
    const clones = () => cluster.logs().filter(({ mark }) => mark === "cloning").length;
    const founding = clones();
    const [target = "", other = ""] = cluster.others(before.leader);
    const { code, json, stderr } = await order("switchover", "--to", target);
    expect([code, stderr]).toEqual([0, expect.stringContaining(`asks ${before.leader} for a switchover`)]);
    expect(json).toMatchObject({ ok: true, leader: target, term: (before.term ?? 0) + 1, refusal: null });
    await load.goesOn();
    const back = await order("switchover");
    expect(back.json).toMatchObject({ ok: true, term: (before.term ?? 0) + 2 });
    await load.settle();
    const after = await cluster.healed();
    expect([before.leader, other]).toContain(after.leader);
    expect(clones()).toBe(founding);
    expect(cluster.logs().filter(({ mark }) => mark === "drained")).toHaveLength(2);
  });

  test("a follower that was away meanwhile streams from the next leader, which kept its WAL as a follower", async ({
    expect,
  }) => {
    const cluster = shared();
    const load = await loadOn(cluster);
    const { leader } = await cluster.healed();
    const [target = "", away = ""] = cluster.others(leader);
    const slot = (what: string) =>
      cluster.askPostgres(target, `select ${what} from pg_replication_slots where slot_name like 'quorate_${away}_%'`);
    await waitFor(
      "the follower to keep a slot for the other one",
      HEAL_MS,
      async () => (await slot("count(*)")) === "1",
    );
    const first = await slot("restart_lsn");
    await waitFor("the slot to be moved", HEAL_MS, async () => {
      await cluster.askPostgres(leader, "checkpoint");
      await cluster.askPostgres(target, "checkpoint");
      return (await slot(`restart_lsn > '${first}'`)) === "true";
    });
    expect(await cluster.askPostgres(target, "show max_slot_wal_keep_size")).toBe("4GB");
    const clones = cluster.marks(away, "cloning").length;
    await cluster.killNode(away);
    const kept = await slot("restart_lsn");
    for (const id of [leader, target]) {
      await cluster.askPostgres(leader, "select pg_switch_wal()");
      await cluster.askPostgres(id, "checkpoint");
    }
    expect(await slot("restart_lsn"), "of one that is away").toBe(kept);
    const { json } = await order("switchover", "--to", target);
    expect(json).toMatchObject({ ok: true, leader: target });
    expect(await slot("restart_lsn"), "as it was kept").toBe(kept);
    await load.goesOn();
    cluster.start(away);
    await load.settle();
    await cluster.healed();
    expect(cluster.marks(away, "cloning")).toHaveLength(clones);
  });

  test("failover although nobody suspects the leader, and what is refused", async ({ expect }) => {
    const cluster = shared();
    const load = await loadOn(cluster);
    const { leader, term } = await cluster.healed();
    const itself = await order("switchover", "--to", leader);
    expect([itself.code, itself.json.refusal?.code]).toEqual([4, "target_leads"]);
    const { code, json } = await order("failover");
    expect([code, json.ok, json.term]).toEqual([0, true, (term ?? 0) + 1]);
    expect(json.leader).not.toBe(leader);
    await load.settle();
  });

  test("pause: a dead leader is not replaced, not after a restart either; resume elects", async ({ expect }) => {
    const cluster = shared();
    const { leader, term } = await cluster.healed();
    const [kept = ""] = cluster.others(leader);
    expect((await order("pause")).code).toBe(0);
    const shown = await quorate(["status", "-c", cluster.home.config]);
    expect([shown.code, shown.stdout]).toEqual([1, expect.stringMatching(/^PAUSED: .*quorate resume/)]);
    await cluster.killNode(leader);
    await cluster.killSidecar(kept);
    cluster.start(kept);
    const blocked = await cluster.untilStatus("the pause to be what blocks", (s) => s.blocked?.code === "paused");
    expect([blocked.leader, blocked.paused]).toEqual([null, true]);
    expect((await order("resume")).code).toBe(0);
    await cluster.untilLed([leader]);
    cluster.start(leader);
    const after = await cluster.healed();
    expect(after.term).toBeGreaterThan(term ?? 0);
    expect(after.paused).toBe(false);
  });
});
