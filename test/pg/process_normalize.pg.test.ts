import { existsSync } from "node:fs";
import { cp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readControlData } from "../../src/postgres/control_data.js";
import { fence, stopFast } from "../../src/postgres/fence.js";
import { normalize } from "../../src/postgres/normalize.js";
import { giveTo } from "../../src/postgres/os_user.js";
import { readPostmasterPid } from "../../src/postgres/postmaster_pid.js";
import { Instance, testBinaries, testUser, until } from "./harness/instance.js";

describe.each(testBinaries)("normalization and safe start of Postgres $version", (binaries) => {
  let instance: Instance;
  let other: Instance;
  beforeEach(async () => {
    instance = await Instance.create(binaries);
    other = await Instance.empty(binaries);
  });
  afterEach(async () => {
    await instance.destroy();
    await other.destroy();
  });

  async function inRecovery(): Promise<boolean | undefined> {
    const session = await instance.session(await instance.start());
    const [row] = await session.query<{ standby: boolean }>("SELECT pg_is_in_recovery() AS standby");
    return row?.standby;
  }

  it("comes back as a standby from a crash inside a promotion, where a naive start is writable (trap 5)", async () => {
    const running = await instance.start();
    const session = await instance.session(running);
    session.query("SELECT pg_promote(false)").catch(() => undefined);
    const signalFile = join(instance.dataDir, "standby.signal");
    await until("standby.signal is gone", async () => {
      for (let look = 0; look < 1_000; look++) if (!existsSync(signalFile)) return true;
      return false;
    });
    await fence({ dataDir: instance.dataDir, graceMs: 0 });

    await instance.startNaively();
    await until("the naive start is writable", async () => {
      const naive = await instance.session(running).catch(() => null);
      const rows = await naive?.query<{ standby: boolean }>("SELECT pg_is_in_recovery() AS standby");
      return rows?.[0]?.standby === false;
    });
    await fence({ dataDir: instance.dataDir });
    expect(existsSync(signalFile)).toBe(false);
    expect(await inRecovery()).toBe(true);
  });

  it("removes placeholders above the own timeline, with which Postgres never gets ready (trap 11)", async () => {
    await instance.start();
    await fence({ dataDir: instance.dataDir });
    const placeholder = async (timeline: number): Promise<void> => {
      const path = join(instance.dataDir, "pg_wal", `${String(timeline).padStart(8, "0")}.history`);
      await writeFile(path, "# gap\n");
      await giveTo(testUser, path);
    };
    for (const timeline of [2, 3, 4]) await placeholder(timeline);

    const logged = (await instance.log()).length;
    await instance.startNaively();
    await until("Postgres waits for WAL of a timeline that is nowhere", async () => {
      const lines = (await instance.log()).slice(logged);
      return lines.split("waiting for WAL to become available").length > 5;
    });
    expect((await readPostmasterPid(instance.dataDir))?.status).toBe("starting");
    await fence({ dataDir: instance.dataDir });

    const running = await instance.start();
    expect(running.normalized).toMatchObject({ timeline: 1n, skipped: null });
    expect([...running.normalized.deleted].sort()).toEqual([
      "00000002.history",
      "00000003.history",
      "00000004.history",
    ]);
  });

  /** `instance` ends on timeline 2; `other` is a copy from before that holds timeline 1 up to the switch point. */
  async function branchOff(): Promise<{
    readonly segment: string;
    readonly bytes: Buffer;
    readonly switchOffset: number;
  }> {
    await instance.start();
    await stopFast({ dataDir: instance.dataDir, deadlineMs: 5_000 });
    const session = await instance.session(await instance.start());
    await instance.promote(session);
    await session.query("CREATE TABLE public.t AS SELECT generate_series(1, 2000) AS id");
    await session.query("CHECKPOINT");
    await stopFast({ dataDir: instance.dataDir, deadlineMs: 5_000 });
    await cp(instance.dataDir, other.dataDir, { recursive: true });
    await giveAll(other.dataDir);
    const again = await instance.session(await instance.start());
    await instance.promote(again);
    await again.query("CREATE TABLE public.u (id int)");
    await fence({ dataDir: instance.dataDir });
    const history = await readFile(join(instance.dataDir, "pg_wal", "00000003.history"), "utf8");
    const [, high, low] = /^2\t([0-9A-F]+)\/([0-9A-F]+)/m.exec(history) ?? [];
    const lsn = (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
    const { walSegmentBytes } = await readControlData(instance.dataDir);
    const number = lsn / BigInt(walSegmentBytes);
    const segment = `00000003${"0".repeat(8)}${number.toString(16).toUpperCase().padStart(8, "0")}`;
    await put("00000003.history", Buffer.from(history));
    return {
      segment,
      bytes: await readFile(join(instance.dataDir, "pg_wal", segment)),
      switchOffset: Number(lsn % BigInt(walSegmentBytes)),
    };
  }

  async function put(name: string, bytes: Buffer): Promise<void> {
    const path = join(other.dataDir, "pg_wal", name);
    await writeFile(path, bytes);
    await giveTo(testUser, path);
  }

  async function giveAll(directory: string): Promise<void> {
    await giveTo(testUser, directory);
    for (const entry of await readdir(directory, { withFileTypes: true })) {
      const path = join(directory, entry.name);
      await (entry.isDirectory() ? giveAll(path) : giveTo(testUser, path));
    }
  }

  it("forgets a timeline of which it received no record: acknowledged WAL stays (traps 2 and 3)", async () => {
    const { segment, bytes, switchOffset } = await branchOff();
    const before = await readControlData(other.dataDir);
    expect(before.checkpointTimeline).toBe(2n);
    for (const received of [8192, switchOffset - 64, switchOffset, switchOffset + 16]) {
      await put("00000003.history", await readFile(join(instance.dataDir, "pg_wal", "00000003.history")));
      await put(segment, Buffer.concat([bytes.subarray(0, received), Buffer.alloc(bytes.length - received)]));
      expect(await normalize(other.dataDir)).toEqual({
        timeline: 2n,
        deleted: expect.arrayContaining(["00000003.history", segment]),
        skipped: null,
      });
    }
    const running = await other.start();
    const session = await other.session(running);
    const [row] = await session.query<{ replayed: string }>(
      "SELECT (pg_last_wal_replay_lsn() - '0/0')::text AS replayed",
    );
    expect(BigInt(row?.replayed ?? 0)).toBeGreaterThan(before.checkpointLsn);
  });

  it("keeps a timeline of which a record is there, but not behind a hole", async () => {
    const { segment, bytes, switchOffset } = await branchOff();
    await put(segment, bytes);
    expect(await normalize(other.dataDir)).toEqual({ timeline: 3n, deleted: [], skipped: null });
    const holed = Buffer.from(bytes);
    holed.fill(0, switchOffset - 64, switchOffset - 32);
    await put(segment, holed);
    expect(await normalize(other.dataDir)).toMatchObject({ timeline: 2n });
    await put("00000003.history", await readFile(join(instance.dataDir, "pg_wal", "00000003.history")));
    await put(segment, bytes);
    const running = await other.start();
    expect(running.normalized.timeline).toBe(3n);
    const session = await other.session(running);
    await until("the table of timeline 3 is there", async () => {
      const rows = await session.query("SELECT 1 FROM pg_class WHERE relname = 'u'");
      return rows.length === 1;
    });
  });

  it("forgets a timeline that branched off before what was replayed, as after a naive start", async () => {
    const { segment, bytes } = await branchOff();
    await rm(join(other.dataDir, "pg_wal", "00000003.history"));
    const session = await other.session(await other.start());
    await stopFast({ dataDir: other.dataDir, deadlineMs: 5_000 });
    await session.close();
    await rm(join(other.dataDir, "standby.signal"));
    await other.startNaively();
    await until("it is up", async () => (await readPostmasterPid(other.dataDir))?.status === "ready");
    await stopFast({ dataDir: other.dataDir, deadlineMs: 5_000 });
    await put("00000003.history", await readFile(join(instance.dataDir, "pg_wal", "00000003.history")));
    await put(segment, bytes);
    expect((await other.start()).normalized).toMatchObject({ timeline: 2n });
  });

  it("leaves a fresh clone to its backup_label", async () => {
    await writeFile(join(instance.dataDir, "backup_label"), "START WAL LOCATION\n");
    await writeFile(join(instance.dataDir, "pg_wal", "00000009.history"), "# gap\n");
    expect(await normalize(instance.dataDir)).toEqual({ timeline: 1n, deleted: [], skipped: "backup_label" });
    await rm(join(instance.dataDir, "backup_label"));
    expect(await normalize(instance.dataDir)).toMatchObject({ deleted: ["00000009.history"] });
  });
});
