import { type ChildProcess, execFile, spawn } from "node:child_process";
import { chmod, chown, copyFile, mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, describe, expect, it } from "vitest";
import { blindnessTo, listByDataDir } from "../../src/postgres/proc_table.js";
import { tempDir } from "../temp_dir.js";

const run = promisify(execFile);
/** Everybody's `nobody`; only a user who is not root matters. */
const UID = 65534;
const USER = { name: "nobody", drop: true };
const MODULE = new URL("../../src/postgres/proc_table.ts", import.meta.url).href;
const PROGRAM = `
  const { blindnessTo, listByDataDir } = await import(${JSON.stringify(MODULE)});
  let listed;
  try { listed = listByDataDir(process.argv[1]); } catch (error) { listed = error.message; }
  process.stdout.write(JSON.stringify({ blindness: blindnessTo(${JSON.stringify(USER)}), listed }));
`;

describe.skipIf(process.geteuid?.() !== 0 || blindnessTo(USER) !== null)(
  "root that may not look at another user's processes",
  () => {
    let child: ChildProcess | undefined;
    afterEach(() => child?.kill("SIGKILL"));

    /** A process that is called postgres and works in a directory of its own, as a postmaster does. */
    async function fakePostgres(): Promise<{ readonly dataDir: string; readonly pid: number }> {
      const root = await tempDir();
      const dataDir = join(root, "pgdata");
      const program = join(root, "postgres");
      await chmod(root, 0o755);
      await mkdir(dataDir);
      await chown(dataDir, UID, UID);
      await copyFile("/bin/sleep", program);
      await chmod(program, (await stat(program)).mode | 0o555);
      child = spawn(program, ["60"], { cwd: dataDir, uid: UID, gid: UID, stdio: "ignore" });
      if (child.pid === undefined) throw new Error("it did not start");
      return { dataDir, pid: child.pid };
    }

    it("does not take a Postgres that it cannot see for none", async () => {
      const { dataDir, pid } = await fakePostgres();
      expect(listByDataDir(dataDir).map((process) => process.pid)).toEqual([pid]);
      expect(blindnessTo(USER)).toBeNull();
      // As in a container that was given no capabilities of its own.
      const blind = ["--bounding-set=-sys_ptrace", process.execPath, "--import", "tsx", "--input-type=module"];
      const { stdout } = await run("setpriv", [...blind, "-e", PROGRAM, dataDir]);
      const said = JSON.parse(stdout) as { readonly blindness: string; readonly listed: string };
      expect(said.blindness).toContain("CAP_SYS_PTRACE");
      expect(said.listed).toContain(`process ${pid} may be a Postgres of ${dataDir}`);
    });

    it("minds no Postgres of somebody else", async () => {
      const { dataDir } = await fakePostgres();
      await chown(dataDir, 1, 1);
      const blind = ["--bounding-set=-sys_ptrace", process.execPath, "--import", "tsx", "--input-type=module"];
      const { stdout } = await run("setpriv", [...blind, "-e", PROGRAM, dataDir]);
      expect(JSON.parse(stdout)).toMatchObject({ listed: [] });
    });
  },
);
