import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { observeLeader, observeStandby } from "../../src/postgres/observe.js";
import { spawnIdentity } from "../../src/postgres/os_user.js";
import { checkpoint } from "../../src/postgres/promote.js";
import { Cluster, INSTALLATIONS } from "./replication_cluster.js";
import { type Node, SUPERUSER, until } from "./replication_node.js";

const run = promisify(execFile);

describe.each(INSTALLATIONS)("what pg_rewind looks at: $title", (installation) => {
  let cluster: Cluster;

  beforeAll(async () => {
    cluster = await Cluster.create(installation);
  });
  afterAll(() => cluster?.destroy());

  async function caughtUp(leader: Node, follower: Node): Promise<void> {
    const end = await observeLeader(leader.session);
    await until(`${follower.id} replayed it`, async () => {
      const { replayLsn } = await observeStandby(follower.session);
      return replayLsn !== null && replayLsn >= end.flushLsn;
    });
  }

  async function rewind(target: Node, source: Node): Promise<string> {
    const args = ["-D", target.dataDir, "--source-server"];
    const conninfo = `host=${source.home} port=${source.port} user=${SUPERUSER} dbname=postgres`;
    const program = join(cluster.binaries.binDir, "pg_rewind");
    const { stdout, stderr } = await run(program, [...args, conninfo], {
      ...spawnIdentity(cluster.user),
      cwd: target.home,
    });
    return stdout + stderr;
  }

  it("trap 8: before the new leader's checkpoint a diverged node needs no rewind, it says; after our checkpoint it is rewound", async ({
    skip,
  }) => {
    if (!existsSync(join(cluster.binaries.binDir, "pg_rewind"))) skip("this Postgres comes without pg_rewind");
    const n1 = await cluster.node("n1");
    const n2 = await cluster.node("n2");
    await Promise.all([n1, n2].map((node) => node.start({ standby: true })));
    await n1.promote(2n, { followers: ["n2"] });
    await n1.write("create table public.t(i int)");
    await n2.follow(n1, 2n);
    await checkpoint(n1.session);
    // A restartpoint of the future leader under the old timeline: what pg_rewind will look at.
    await caughtUp(n1, n2);
    await checkpoint(n2.session);
    // Pages to be written, which a checkpoint that nobody waits for takes its time over.
    await n1.write("insert into public.t select generate_series(1, 100000)");
    await caughtUp(n1, n2);
    await n2.revoke();
    await n1.write("insert into public.t values (-1)");
    await n1.stop();
    await n2.setAutoConf({ checkpoint_completion_target: "1", checkpoint_timeout: "1h" });
    await n2.session.query("select pg_reload_conf()");
    await n2.promote(3n);
    const unaware = await rewind(n1, n2);
    expect(unaware).toContain("no rewind required");

    await checkpoint(n2.session);
    const aware = await rewind(n1, n2);
    expect(aware).not.toContain("no rewind required");
    expect(aware).toContain("Done!");
  });
});
