import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { fence, sweepOrphans } from "../../src/postgres/fence.js";
import { isRunning, listByDataDir, listChildren } from "../../src/postgres/proc_table.js";
import { Instance, testBinaries, until } from "./harness/instance.js";

describe.each(testBinaries)("fence of Postgres $version", (binaries) => {
  let instance: Instance;
  beforeEach(async () => {
    instance = await Instance.create(binaries);
  });
  afterEach(async () => {
    await instance.destroy();
  });

  it("ends a primary with busy sessions, frozen ones too, and twice is once (trap 21)", async () => {
    const running = await instance.start();
    const session = await instance.session(running);
    await instance.promote(session);
    const frozen = await instance.session(running);
    const busy = await instance.session(running);
    busy.query("DO $$ BEGIN LOOP END LOOP; END $$").catch(() => undefined);
    process.kill(frozen.backendPid, "SIGSTOP");
    const children = listChildren(running.pid);
    expect(children.map(({ pid }) => pid)).toContain(frozen.backendPid);
    const report = await fence({ dataDir: instance.dataDir });
    expect(children.some(isRunning)).toBe(false);
    expect(listByDataDir(instance.dataDir)).toEqual([]);
    expect(report.killed).toBeGreaterThanOrEqual(1);
    expect(report.tookMs).toBeLessThan(2_000);
    expect(await fence({ dataDir: instance.dataDir })).toMatchObject({ ended: 0, killed: 0 });
  });

  it("ends everything at once after a freeze", async () => {
    const running = await instance.start();
    process.kill(running.pid, "SIGSTOP");
    const report = await fence({ dataDir: instance.dataDir, graceMs: 0 });
    // All but perhaps the start's own probe, whose backend may just have been going.
    expect(report.killed).toBeGreaterThanOrEqual(report.ended - 1);
    expect(report.killed).toBeGreaterThan(1);
    expect(listByDataDir(instance.dataDir)).toEqual([]);
  });

  it("sweeps the orphans of a killed postmaster, which block a naive start", async () => {
    const running = await instance.start();
    const session = await instance.session(running);
    session.query("DO $$ BEGIN LOOP END LOOP; END $$").catch(() => undefined);
    const orphan = session.backendPid;
    await until("the loop runs", async () => {
      const other = await instance.session(running);
      const rows = await other.query("SELECT 1 FROM pg_stat_activity WHERE query LIKE 'DO %' AND state = 'active'");
      return rows.length === 1;
    });
    process.kill(running.pid, "SIGKILL");
    await running.child?.exited;
    await until("only the busy one is left", () => listByDataDir(instance.dataDir).length === 1);
    expect(listByDataDir(instance.dataDir)[0]?.pid).toBe(orphan);

    const naive = await instance.startNaively();
    await naive.exited;
    expect(await instance.log()).toContain("pre-existing shared memory block");

    const again = await instance.start();
    expect(listByDataDir(instance.dataDir).map(({ pid }) => pid)).not.toContain(orphan);
    expect(again.startedMs).toBeLessThan(5_000);
  });

  it("is not held up by a stale postmaster.pid that names a living process", async () => {
    await writeFile(
      join(instance.dataDir, "postmaster.pid"),
      `${process.pid}\n${instance.dataDir}\n0\n${instance.port}\n`,
    );
    const report = await sweepOrphans({ dataDir: instance.dataDir });
    expect(report.ended).toBe(0);
    expect(existsSync(join(instance.dataDir, "postmaster.pid"))).toBe(false);
    await instance.start();
  });

  it("shows nobody the row of a commit that waits, while SIGTERM does (traps 16 and 19)", async () => {
    const running = await instance.start();
    const session = await instance.session(running);
    await instance.promote(session);
    await session.query("CREATE TABLE public.ledger (id int)");
    const waits = async (id: number): Promise<number> => {
      const writer = await instance.session(running, "on");
      writer.query("INSERT INTO public.ledger VALUES ($1)", [id]).catch(() => undefined);
      await until("the commit waits for its quorum", async () => {
        const rows = await session.query("SELECT 1 FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'SyncRep'", [
          writer.backendPid,
        ]);
        return rows.length === 1;
      });
      return writer.backendPid;
    };
    const ids = async (): Promise<number[]> =>
      (await session.query<{ id: number }>("SELECT id FROM public.ledger ORDER BY id")).map(({ id }) => id);

    process.kill(await waits(1), "SIGTERM");
    await until("the undecided row shows", async () => (await ids()).includes(1));

    await waits(2);
    const reads: number[][] = [];
    const reading = (async () => {
      for (;;) reads.push(await ids());
    })().catch(() => undefined);
    await until("reads go on", () => reads.length > 10);
    await fence({ dataDir: instance.dataDir });
    await reading;
    expect(reads.filter((seen) => seen.includes(2))).toEqual([]);
  });
});
