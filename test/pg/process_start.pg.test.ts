import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { readControlData } from "../../src/postgres/control_data.js";
import { stopFast } from "../../src/postgres/fence.js";
import { initdb } from "../../src/postgres/initdb.js";
import { clearTorn, markTorn } from "../../src/postgres/rewind_marker.js";
import { safeStart } from "../../src/postgres/safe_start.js";
import { Instance, SUPERUSER, testBinaries, testUser, until } from "./harness/instance.js";

describe.each(testBinaries)("start of Postgres $version", (binaries) => {
  let instance: Instance | undefined;
  afterEach(async () => {
    await instance?.destroy();
    instance = undefined;
  });

  it("is a standby of nobody behind a shut door, with the settings of a member", async () => {
    instance = await Instance.create(binaries);
    const running = await instance.start();
    const session = await instance.session(running);
    const [state] = await session.query<{ standby: boolean; names: string; upstream: string }>(
      "SELECT pg_is_in_recovery() AS standby, current_setting('synchronous_standby_names') AS names, current_setting('primary_conninfo') AS upstream",
    );
    expect(state).toEqual({ standby: true, names: 'ANY 1 ("quorate_nobody")', upstream: "" });
    const rows = await session.query<{ name: string; setting: string }>(
      "SELECT name, setting FROM pg_settings WHERE name IN ('fsync','restart_after_crash','wal_log_hints','recovery_init_sync_method','wal_retrieve_retry_interval','session_replication_role')",
    );
    expect(Object.fromEntries(rows.map(({ name, setting }) => [name, setting]))).toMatchObject({
      fsync: "on",
      restart_after_crash: "off",
      wal_log_hints: "on",
      wal_retrieve_retry_interval: "100",
      session_replication_role: "replica",
    });
    expect(await session.query("SELECT 1 FROM pg_hba_file_rules WHERE error IS NOT NULL")).toEqual([]);
  });

  it("never is on what a rewind left, unless it is to end that rewind", async () => {
    instance = await Instance.create(binaries);
    await markTorn(instance.dataDir, testUser, "n2-rewind@3");
    await expect(instance.start()).rejects.toThrow(/only a clone takes its place/);
    await clearTorn(instance.dataDir);
    await instance.start();
  });

  it("reads the control data as pg_controldata and SQL do", async () => {
    instance = await Instance.create(binaries);
    const running = await instance.start();
    const session = await instance.session(running);
    const { primarySettings, ...control } = await readControlData(instance.dataDir);
    expect(Object.keys(primarySettings)).toHaveLength(5);
    const [system] = await session.query<{ id: string; version: number }>(
      "SELECT system_identifier::text AS id, pg_control_version AS version FROM pg_control_system()",
    );
    const [checkpoint] = await session.query<{ lsn: string; redo: string; timeline: number }>(
      "SELECT (checkpoint_lsn - '0/0')::text AS lsn, (redo_lsn - '0/0')::text AS redo, timeline_id AS timeline FROM pg_control_checkpoint()",
    );
    const [recovery] = await session.query<{ lsn: string; timeline: number }>(
      "SELECT (min_recovery_end_lsn - '0/0')::text AS lsn, min_recovery_end_timeline AS timeline FROM pg_control_recovery()",
    );
    const [init] = await session.query<{ segment: number; checksums: number }>(
      "SELECT bytes_per_wal_segment AS segment, data_page_checksum_version AS checksums FROM pg_control_init()",
    );
    expect(control).toEqual({
      systemIdentifier: BigInt(system?.id ?? 0),
      controlVersion: system?.version,
      state: "in archive recovery",
      checkpointLsn: BigInt(checkpoint?.lsn ?? 0),
      checkpointTimeline: BigInt(checkpoint?.timeline ?? 0),
      redoLsn: BigInt(checkpoint?.redo ?? 0),
      minRecoveryLsn: BigInt(recovery?.lsn ?? 0),
      minRecoveryTimeline: BigInt(recovery?.timeline ?? 0),
      walSegmentBytes: init?.segment,
      dataChecksums: init?.checksums === 1,
    });
    const program = join(binaries.binDir, "pg_controldata");
    if (existsSync(program)) {
      const text = execFileSync(program, [instance.dataDir], { encoding: "utf8", env: { LC_ALL: "C" } });
      expect(text).toContain(`Database system identifier:           ${control.systemIdentifier}`);
      expect(text).toContain("Database cluster state:               in archive recovery");
    }
  });

  it("refuses a second start on a living Postgres, and starts again after a clean stop", async () => {
    instance = await Instance.create(binaries);
    const first = await instance.start();
    await expect(safeStart(instance.startOptions())).rejects.toThrow(/already runs .* fence it first/);
    await stopFast({ dataDir: instance.dataDir, deadlineMs: 5_000 });
    expect(await first.child?.exited).toEqual({ code: 0, signal: null });
    const second = await instance.start();
    expect(second.pid).not.toBe(first.pid);
  });

  it("reports what Postgres complained about, and leaves none running", async () => {
    instance = await Instance.create(binaries);
    await expect(instance.start({ userSettings: { shared_buffers: "1TB" } })).rejects.toThrow(
      /FATAL|could not map|shared memory/,
    );
    await expect(instance.start({ userSettings: { work_mem: "much" } })).rejects.toThrow(/work_mem.*much/);
    expect(existsSync(join(instance.dataDir, "postmaster.pid"))).toBe(false);
  });

  it("never makes a cluster over data, and sweeps away what a killed initdb left", async () => {
    instance = await Instance.empty(binaries);
    const options = { binaries, user: testUser, dataDir: instance.dataDir, superuser: SUPERUSER, walSegmentSizeMb: 1 };
    const { root } = instance;
    await mkdir(join(root, "pgdata.initdb-0123456789ab"));
    await initdb(options);
    expect(await readdir(root)).toEqual(["pgdata"]);
    const before = await readFile(join(instance.dataDir, "global", "pg_control"));
    await expect(initdb(options)).rejects.toThrow(/is not empty .* never overwritten/);
    expect(await readFile(join(instance.dataDir, "global", "pg_control"))).toEqual(before);
  });

  it("does not start on what is no cluster, or is one of another version", async () => {
    instance = await Instance.create(binaries);
    const older = { ...instance.binaries, major: 14, version: "14.2" };
    await expect(instance.start({ binaries: older })).rejects.toThrow(/are 14.2; set postgres.bin_dir/);
    await expect(instance.start({ dataDir: instance.root })).rejects.toThrow(
      /no Postgres cluster; initialise or clone/,
    );
  });

  it("keeps foreign lines of postgresql.auto.conf and undoes those of managed names", async () => {
    instance = await Instance.create(binaries);
    await writeFile(
      join(instance.dataDir, "postgresql.auto.conf"),
      "# by hand\nwork_mem = '5MB'\nsynchronous_standby_names = ''\nprimary_conninfo = 'host=10.255.255.1'\n",
    );
    const session = await instance.session(await instance.start());
    const rows = await session.query<{ name: string; setting: string }>(
      "SELECT name, setting FROM pg_settings WHERE name IN ('work_mem','synchronous_standby_names','primary_conninfo') ORDER BY name",
    );
    expect(rows.map(({ setting }) => setting)).toEqual(["", 'ANY 1 ("quorate_nobody")', "5120"]);
  });

  it("starts with fewer connections configured than its primary had", async () => {
    instance = await Instance.create(binaries);
    const few = { userSettings: { max_connections: "20" } };
    await instance.promote(await instance.session(await instance.start()));
    await stopFast({ dataDir: instance.dataDir, deadlineMs: 5_000 });
    const session = await instance.session(await instance.start(few));
    expect(await session.query("SHOW max_connections")).toEqual([{ max_connections: "100" }]);
  });

  it("tells at once that the session is lost", async () => {
    instance = await Instance.create(binaries);
    const running = await instance.start();
    const session = await instance.session(running);
    const lost = new Promise<number>((done) => session.once("lost", () => done(performance.now())));
    const killedAt = performance.now();
    process.kill(running.pid, "SIGKILL");
    expect((await lost) - killedAt).toBeLessThan(1_000);
    expect(session.alive).toBe(false);
    await expect(session.query("SELECT 1")).rejects.toThrow(/over/);
    await until("exit is reported", () => running.child?.exitStatus()?.signal === "SIGKILL");
  });
});
