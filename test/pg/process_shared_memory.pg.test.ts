import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { POSITION_EMPTY } from "../../src/core/log/position.js";
import { fence } from "../../src/postgres/fence.js";
import { initdb } from "../../src/postgres/initdb.js";
import { Operations } from "../../src/postgres/operations.js";
import { giveTo, spawnIdentity } from "../../src/postgres/os_user.js";
import { readPostmasterPid } from "../../src/postgres/postmaster_pid.js";
import { NAMES_NOBODY } from "../../src/postgres/settings.js";
import { Instance, SUPERUSER, testBinaries, testUser, until } from "./harness/instance.js";

/** Ids of the SysV segments of this machine, as `ipcs -m` shows them. */
async function segments(): Promise<readonly number[]> {
  const table = await readFile("/proc/sysvipc/shm", "latin1");
  return table
    .split("\n")
    .slice(1)
    .filter((line) => line.trim() !== "")
    .map((line) => Number(line.trim().split(/\s+/)[1]));
}

async function segmentOf(dataDir: string): Promise<number | null> {
  return (await readPostmasterPid(dataDir).catch(() => null))?.shmId ?? null;
}

/** A founder that died is founded anew: nothing would ever find the segment of the directory that went away. */
describe.each(testBinaries)(
  "a directory that is made anew takes its shared memory along: Postgres $version",
  (binaries) => {
    let instance: Instance;

    beforeEach(async () => {
      instance = await Instance.empty(binaries);
    });
    afterEach(() => instance.destroy());

    it("when its postmaster was killed before its log held a ruleset", async () => {
      const { dataDir } = instance;
      await initdb({ binaries, user: testUser, dataDir, superuser: SUPERUSER, walSegmentSizeMb: 1 });
      await instance.start();
      const segment = await segmentOf(dataDir);
      await fence({ dataDir, graceMs: 0 });
      // Or this test would not be one: a killed Postgres leaves its segment.
      expect(await segments()).toContain(segment);

      const operations = new Operations(
        {
          self: "n1",
          incarnation: "0",
          start: instance.startOptions(),
          walSegmentSizeMb: 1,
          timed: () => undefined,
          warn: () => undefined,
        },
        { gone: () => undefined, settings: () => undefined },
      );
      await operations.promote({
        kind: "promote",
        term: 2n,
        position: POSITION_EMPTY,
        names: NAMES_NOBODY,
        followers: [],
        founding: true,
      });
      const own = await segmentOf(dataDir);
      await operations.fence();
      expect(await segments()).not.toContain(segment);
      expect(own).not.toBe(segment);
    });

    it("when initdb was killed in the middle", async () => {
      const { dataDir } = instance;
      const building = `${dataDir}.initdb-0123456789ab`;
      await mkdir(building, { mode: 0o700 });
      await giveTo(testUser, building);
      const child = spawn(join(binaries.binDir, "initdb"), ["-D", building, "-U", SUPERUSER], {
        ...spawnIdentity(testUser),
        cwd: building,
        stdio: "ignore",
      });
      const ended = new Promise((done) => child.once("close", done));
      let segment: number | null = null;
      await until("a backend of initdb to have its segment", async () => {
        // The ones before only try settings out, and are gone in a moment.
        if (!existsSync(join(building, "global", "pg_control"))) return false;
        segment = await segmentOf(building);
        return segment !== null;
      });
      // As a power cut: frozen first, or it would tidy up when its backend dies.
      child.kill("SIGSTOP");
      await fence({ dataDir: building, graceMs: 0 });
      child.kill("SIGKILL");
      await ended;
      expect(await segments()).toContain(segment);

      await initdb({ binaries, user: testUser, dataDir, superuser: SUPERUSER, walSegmentSizeMb: 1 });
      expect(await segments()).not.toContain(segment);
    });
  },
);
