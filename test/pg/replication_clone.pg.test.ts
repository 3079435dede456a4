import { execFile } from "node:child_process";
import { access, mkdir, readdir, readFile, realpath, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { discardOld } from "../../src/postgres/rejoin.js";
import {
  type BaseBackupOptions,
  baseBackup,
  CloneFailed,
  discardClone,
} from "../../src/postgres/replication/base_backup.js";
import type { BackupProgress } from "../../src/postgres/replication/base_backup_protocol.js";
import {
  cloneMarkerPath,
  markIncomplete,
  newTablespacesDir,
  readCloneMarker,
} from "../../src/postgres/replication/clone_marker.js";
import { Cluster, INSTALLATIONS } from "./replication_cluster.js";
import { type Node, REPLICATION_PASSWORD, until } from "./replication_node.js";

const run = promisify(execFile);

async function present(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function treeOf(path: string): Promise<string[]> {
  return (await readdir(path, { recursive: true })).sort();
}

describe.each(INSTALLATIONS)("clone: $title", (installation) => {
  let cluster: Cluster;
  let leader: Node;
  let serial = 0;

  beforeAll(async () => {
    cluster = await Cluster.create(installation);
    leader = await cluster.node("n1");
    await leader.start({ standby: true });
    await leader.promote(2n);
    await leader.write(`create role quorate_replication login replication password '${REPLICATION_PASSWORD}'`);
    await leader.write(
      "create table public.big as select i, repeat(md5(i::text), 4) as filler from generate_series(1, 40000) i",
    );
  });
  afterAll(async () => {
    await cluster?.destroy();
  });

  async function options(more: Partial<BaseBackupOptions> = {}): Promise<BaseBackupOptions> {
    const home = join(cluster.dir, `clone${++serial}`);
    await mkdir(home);
    return {
      source: { host: "127.0.0.1", port: leader.port, user: "quorate_replication", password: REPLICATION_PASSWORD },
      dir: join(home, "data"),
      user: cluster.user,
      applicationName: "n2@2",
      ...more,
    };
  }

  async function expectNothingLeft(dir: string): Promise<void> {
    expect(await readdir(join(dir, ".."))).toEqual([]);
    await until(
      "no walsender is left",
      async () => (await leader.session.query("select 1 from pg_stat_replication")).length === 0,
    );
  }

  it("copies everything with the right owner and modes, and streams from the leader", async () => {
    const seen: BackupProgress[] = [];
    const wanted = await options({ onProgress: (progress) => seen.push(progress) });
    const ends = await baseBackup(wanted);
    expect(ends.startTimeline).toBe(2n);
    expect(ends.endTimeline).toBe(2n);
    expect(ends.endLsn).toBeGreaterThan(ends.startLsn);
    expect(await readCloneMarker(wanted.dir)).toMatchObject({ kind: "complete", ends });
    expect(seen[0]?.phase).toBe("waiting_for_checkpoint");
    expect(seen.at(-1)?.phase).toBe("syncing");
    for (const path of ["", "base", "PG_VERSION", "global/pg_control", "backup_label", "pg_wal"]) {
      const info = await stat(join(wanted.dir, path));
      expect(info.uid, path).toBe(cluster.user.uid);
      expect(info.mode & 0o777, path).toBe(info.isDirectory() ? 0o700 : 0o600);
    }
    await run(join(cluster.binaries.binDir, "pg_verifybackup"), ["-n", wanted.dir]).catch(
      (error: NodeJS.ErrnoException) => {
        // The npm package has no pg_verifybackup; the distribution's proves the bytes.
        if (error.code !== "ENOENT") throw error;
      },
    );
    const follower = await cluster.adopt("n2", wanted.dir);
    await follower.start({ standby: true });
    await follower.follow(leader, 2n);
    const rows = await follower.session.query<{ n: string }>("select count(*)::text as n from public.big");
    expect(rows[0]?.n).toBe("40000");
    await follower.kill();
  });

  it("gives a clone tablespaces of its own: two nodes must never share one", async () => {
    const space = join(cluster.dir, "space");
    await mkdir(space);
    await cluster.giveAll(space);
    await leader.write(`create tablespace fast location '${space}'`);
    await leader.write("create table public.placed(i int) tablespace fast");
    await leader.write("insert into public.placed select generate_series(1, 1000)");
    const wanted = await options();
    await baseBackup(wanted);
    const [oid] = await readdir(join(wanted.dir, "pg_tblspc"));
    const placed = await realpath(join(wanted.dir, "pg_tblspc", oid ?? ""));
    expect(placed.startsWith(`${await realpath(wanted.dir)}.tablespaces.`)).toBe(true);
    const follower = await cluster.adopt("n3", wanted.dir);
    await follower.start({ standby: true });
    await follower.follow(leader, 2n);
    await leader.write("insert into public.placed select generate_series(1, 1000)");
    await until("the row count is right", async () => {
      const rows = await follower.session.query<{ n: string }>("select count(*)::text as n from public.placed");
      return rows[0]?.n === "2000";
    });
    const second = await options();
    await baseBackup({ ...second, source: { ...second.source, port: follower.port } });
    const again = await realpath(join(second.dir, "pg_tblspc", oid ?? ""));
    expect(again).not.toBe(placed);
    expect(await treeOf(again)).toEqual(await treeOf(placed));
    await follower.kill();
    await discardClone(second.dir);
    expect(await readdir(join(second.dir, ".."))).toEqual([]);
    await discardOld({ dataDir: leader.dataDir, oldDir: follower.dataDir });
    expect(await present(placed)).toBe(false);
    await leader.write("drop table public.placed");
    await leader.write("drop tablespace fast");
  });

  it("leaves nothing behind when it is called off", async () => {
    const abort = new AbortController();
    const wanted = await options({
      maxRateKbPerS: 1024,
      signal: abort.signal,
      onProgress: (progress) => progress.receivedBytes > 0 && abort.abort(),
    });
    await expect(baseBackup(wanted)).rejects.toThrow(/called off/);
    await expectNothingLeft(wanted.dir);
  });

  it("leaves nothing behind when the leader's walsender dies", async () => {
    let ended = false;
    const wanted = await options({
      maxRateKbPerS: 1024,
      onProgress: (progress) => {
        if (ended || progress.receivedBytes === 0) return;
        ended = true;
        void leader.session.query("select pg_terminate_backend(pid) from pg_stat_replication");
      },
    });
    await expect(baseBackup(wanted)).rejects.toThrow(CloneFailed);
    expect(ended).toBe(true);
    await expectNothingLeft(wanted.dir);
  });

  it("waits for its turn, at the rate that it is told, and is given it when the one before ends", async () => {
    const abort = new AbortController();
    const first = await options({ atOnce: 1, maxRateKbPerS: 1024, signal: abort.signal });
    const ended = expect(baseBackup(first)).rejects.toThrow(/called off/);
    const throttled = "select 1 from pg_stat_activity where query like 'BASE_BACKUP%MAX_RATE 1024%'";
    await until("the first one is served", async () => (await leader.session.query(throttled)).length === 1);
    const phases = new Set<string>();
    const waits = (phase: string) => {
      phases.add(phase);
      if (phase === "waiting_for_turn") abort.abort();
    };
    const second = await options({ atOnce: 1, onProgress: ({ phase }) => waits(phase) });
    await baseBackup(second);
    await ended;
    expect([...phases]).toEqual(["waiting_for_turn", "waiting_for_checkpoint", "copying", "syncing"]);
    await expectNothingLeft(first.dir);
    expect(await leader.session.query("select 1 from pg_replication_slots where temporary")).toEqual([]);
    await discardClone(second.dir);
  });

  it("begins nothing where there is no room for it, and says how much there is", async () => {
    const wanted = await options({ keepFreeBytes: 2 ** 60 });
    await expect(baseBackup(wanted)).rejects.toThrow(
      /no space left .* it needs \d+ MB, and \d+ MB are free; make room/,
    );
    await expectNothingLeft(wanted.dir);
  });

  it("names a wrong password, and leaves nothing behind", async () => {
    const wanted = await options();
    await expect(baseBackup({ ...wanted, source: { ...wanted.source, password: "wrong" } })).rejects.toThrow(
      /password authentication failed/,
    );
    await expectNothingLeft(wanted.dir);
  });

  it("never touches a directory that is not its own, and replaces its own leftover", async () => {
    const wanted = await options();
    await mkdir(wanted.dir);
    await writeFile(join(wanted.dir, "precious"), "data");
    await expect(baseBackup(wanted)).rejects.toThrow(/no clone of ours/);
    expect(await readFile(join(wanted.dir, "precious"), "utf8")).toBe("data");
    await markIncomplete({ cloneDir: wanted.dir, tablespacesDir: newTablespacesDir(wanted.dir), user: cluster.user });
    await baseBackup(wanted);
    expect(await present(join(wanted.dir, "precious"))).toBe(false);
    await expect(baseBackup(wanted)).rejects.toThrow(/complete clone already/);
    await discardClone(wanted.dir);
    expect(await present(cloneMarkerPath(wanted.dir))).toBe(false);
    expect(await present(wanted.dir)).toBe(false);
  });
});
