import { connect } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ShutOptions } from "../../src/postgres/doors.js";
import { openDoor, shutDoor } from "../../src/postgres/doors.js";
import { fence, stopFast } from "../../src/postgres/fence.js";
import { listByDataDir, listChildren } from "../../src/postgres/proc_table.js";
import type { Running } from "../../src/postgres/safe_start.js";
import type { Session } from "../../src/postgres/session.js";
import { probe, startupPacket } from "../../src/postgres/startup_probe.js";
import { CLIENT_ROLE, Instance, testBinaries, testUser, until } from "./harness/instance.js";

describe.each(testBinaries)("door of Postgres $version", (binaries) => {
  let instance: Instance;
  let running: Running;
  let session: Session;

  /** A standby whose users exist: made as a primary once, started again. */
  beforeEach(async () => {
    instance = await Instance.create(binaries);
    const first = await instance.session(await instance.start());
    await instance.promote(first);
    await first.query(`CREATE ROLE ${CLIENT_ROLE} LOGIN PASSWORD '${CLIENT_ROLE}'`);
    await stopFast({ dataDir: instance.dataDir, deadlineMs: 5_000 });
    running = await instance.start();
    session = await instance.session(running);
  });
  afterEach(async () => {
    await instance.destroy();
  });

  function door(): ShutOptions {
    return {
      hbaFile: running.hbaFile,
      hba: instance.startOptions().hba,
      user: testUser,
      postmasterPid: running.pid,
      target: { host: "127.0.0.1", port: instance.port },
      deadlineMs: 3_000,
      session,
      walsenders: "end",
    };
  }

  it("refuses clients until it is opened, and lets them in then", async () => {
    expect(await probe({ host: "127.0.0.1", port: instance.port }, 1_000)).toEqual({ kind: "shut" });
    await expect(instance.client()).rejects.toThrow(/pg_hba.conf/);
    await openDoor(door());
    const client = await instance.client();
    expect((await client.query("SELECT current_user AS me")).rows).toEqual([{ me: CLIENT_ROLE }]);
  });

  it("shuts on a full house: every session ends but ours, and nobody comes in again", async () => {
    await openDoor(door());
    let inside = 0;
    const full = async (): Promise<void> => {
      for (; ; inside++) await instance.client();
    };
    await expect(full()).rejects.toThrow(/connection slots|too many clients/);
    const { ended } = await shutDoor(door());
    expect(inside).toBeGreaterThan(50);
    expect(ended).toBeGreaterThanOrEqual(inside);
    expect(await session.query("SELECT 1 FROM pg_stat_activity WHERE backend_type = 'client backend'")).toHaveLength(1);
    await expect(instance.client()).rejects.toThrow(/pg_hba.conf/);
  });

  it("ends a connection that has not said yet who it is (trap 20)", async () => {
    await openDoor(door());
    const before = new Set(listChildren(running.pid).map(({ pid }) => pid));
    const silent = connect({ host: "127.0.0.1", port: instance.port });
    silent.on("error", () => undefined);
    const answers: Buffer[] = [];
    silent.on("data", (chunk) => answers.push(chunk));
    const closed = new Promise<void>((done) => silent.once("close", () => done()));
    await until("Postgres has a child for it", () => listChildren(running.pid).some(({ pid }) => !before.has(pid)));
    await shutDoor(door());
    silent.write(startupPacket());
    await closed;
    expect(answers.map((answer) => answer.toString("latin1", 0, 1))).not.toContain("R");
  });

  it("is not fooled by a broken hba file, whose reload succeeds (trap 20)", async () => {
    const broken = { ...door(), hba: { ...door().hba, userLines: ["host all all nonsense"] }, deadlineMs: 300 };
    await expect(openDoor(broken)).rejects.toThrow(/not proven open .* check postgres.hba/);
    expect(await probe(door().target, 1_000)).toEqual({ kind: "shut" });
  });

  it("says that it could not end a frozen session; the fence can", async () => {
    await openDoor(door());
    const client = await instance.client();
    const { rows } = await client.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
    process.kill(rows[0]?.pid ?? 0, "SIGSTOP");
    await expect(shutDoor({ ...door(), deadlineMs: 300 })).rejects.toThrow(`sessions ${rows[0]?.pid} did not end`);
    await fence({ dataDir: instance.dataDir });
    expect(listByDataDir(instance.dataDir)).toEqual([]);
  });
});
