import { execFile } from "node:child_process";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { PostgresReport } from "../../src/core/events.js";
import { LocalPostgres } from "../../src/postgres/local_postgres.js";
import { listChildren, title } from "../../src/postgres/proc_table.js";
import { readCloneMarker } from "../../src/postgres/replication/clone_marker.js";
import { Cluster, INSTALLATIONS } from "./replication_cluster.js";
import { type Node, REPLICATION_PASSWORD, until } from "./replication_node.js";

const run = promisify(execFile);

/** Processes of ours that write a clone at this moment. */
function writers(): number {
  return listChildren(process.pid).filter(({ pid }) => title(pid)?.includes("base_backup_child")).length;
}

describe.each(INSTALLATIONS)("one clone at a time in its place: $title", (installation) => {
  let cluster: Cluster;
  let leader: Node;

  beforeAll(async () => {
    cluster = await Cluster.create(installation);
    leader = await cluster.node("n1");
    await leader.start({ standby: true });
    await leader.promote(2n);
    await leader.write(`create role quorate_replication login replication password '${REPLICATION_PASSWORD}'`);
    await leader.write(
      "create table public.big as select i, repeat(md5(i::text), 4) as filler from generate_series(1, 100000) i",
    );
  });
  afterAll(() => cluster?.destroy());

  it("one that is overtaken has ended before the next one begins, however often that happens", async () => {
    const home = join(cluster.dir, "n2");
    await mkdir(home);
    const reports: PostgresReport[] = [];
    const postgres = localPostgres(home, reports);
    let most = 0;
    let sampling = true;
    const sampler = (async () => {
      for (; sampling; await sleep(2)) most = Math.max(most, writers());
    })();

    for (const op of [1, 2, 3]) {
      postgres.perform(op, { kind: "clone", leader: "n1", term: 2n });
      await until("a clone grows", async () => writers() > 0 && (await grows(home)));
    }
    postgres.perform(4, { kind: "cancel_clone" });
    postgres.perform(5, { kind: "clone", leader: "n1", term: 2n });
    postgres.perform(6, { kind: "clone", leader: "n1", term: 2n });
    await until("a clone is complete", async () => reports.some(({ kind }) => kind === "cloned"));
    sampling = false;
    await sampler;

    expect(most).toBe(1);
    const ended = reports.filter(({ kind }) => kind === "cloned" || kind === "failed");
    expect(ended.map((report) => ("op" in report ? [report.kind, report.op] : []))).toEqual([["cloned", 6]]);
    expect(await readCloneMarker(join(home, "pgdata.clone"))).toMatchObject({ kind: "complete" });
    expect((await readdir(home)).sort()).toEqual(["pgdata.clone", "pgdata.clone.clone"]);
    await run(join(cluster.binaries.binDir, "pg_verifybackup"), ["-n", join(home, "pgdata.clone")]).catch(
      (error: NodeJS.ErrnoException) => {
        // The npm package has no pg_verifybackup; the distribution's proves the bytes.
        if (error.code !== "ENOENT") throw error;
      },
    );
    await postgres.close();
  });

  async function grows(home: string): Promise<boolean> {
    return (await readdir(join(home, "pgdata.clone", "base")).catch(() => [])).length > 0;
  }

  function localPostgres(home: string, reports: PostgresReport[]): LocalPostgres {
    const passwords = { superuserPassword: "", replicationPassword: REPLICATION_PASSWORD };
    return new LocalPostgres({
      self: "n2",
      incarnation: "0",
      start: {
        binaries: cluster.binaries,
        user: cluster.user,
        dataDir: join(home, "pgdata"),
        stateDir: join(home, "state"),
        port: leader.port + 1,
        listenAddresses: ["127.0.0.1"],
        hba: { superuser: "postgres", replicationUser: "quorate_replication" },
      },
      report: (report) => void reports.push(report),
      timed: () => undefined,
      said: () => undefined,
      warn: (text, cause) => {
        throw new Error(text, { cause });
      },
      slots: () => null,
      evidence: () => null,
      credentials: { current: () => passwords, ensure: async () => ({ ...passwords, replicationMade: true }) },
      idAt: () => null,
      placeOf: () => ({ host: "127.0.0.1", port: leader.port }),
    });
  }
});
