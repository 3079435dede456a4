import { type ChildProcess, execFile, spawn } from "node:child_process";
import { chmod, chown, copyFile, mkdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, describe, expect, it } from "vitest";
import { blindnessTo, listByDataDir } from "../../src/postgres/proc_table.js";
import { tempDir } from "../temp_dir.js";

const run = promisify(execFile);
/** Everybody's `nobody`; only a user who is not root matters. */
const UID = 65534;
const USER = { name: "nobody", uid: UID, gid: UID, drop: true };
const MODULE = new URL("../../src/postgres/proc_table.ts", import.meta.url).href;
const PROGRAM = `
  const { blindnessTo, listByDataDir } = await import(${JSON.stringify(MODULE)});
  let listed;
  try { listed = listByDataDir(process.argv[1]); } catch (error) { listed = error.message; }
  process.stdout.write(JSON.stringify({ blindness: blindnessTo(${JSON.stringify(USER)}), listed }));
`;

/** As in a container that was given no capabilities of its own. */
async function blind(dataDir: string, env: Readonly<Record<string, string>> = {}): Promise<Said> {
  const node = [process.execPath, "--import", "tsx", "--input-type=module", "-e", PROGRAM, dataDir];
  const given = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const { stdout } = await run("/usr/bin/setpriv", ["--bounding-set=-sys_ptrace", "/usr/bin/env", ...given, ...node]);
  return JSON.parse(stdout) as Said;
}

interface Said {
  readonly blindness: string | null;
  /** Or why there is no list. */
  readonly listed: readonly { readonly pid: number }[] | string;
}

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

    it("looks as that user: a Postgres that it cannot see itself is not taken for none", async () => {
      const { dataDir, pid } = await fakePostgres();
      expect(listByDataDir(dataDir).map((process) => process.pid)).toEqual([pid]);
      const said = await blind(dataDir);
      expect(said.blindness).toBeNull();
      expect(said.listed).toMatchObject([{ pid }]);
      await rm(dataDir, { recursive: true });
      await mkdir(dataDir);
      await chown(dataDir, UID, UID);
      expect((await blind(dataDir)).listed, "one that works elsewhere").toEqual([]);
    });

    it("cannot, without bash: says so, and nobody gets an empty list", async () => {
      const { dataDir, pid } = await fakePostgres();
      const said = await blind(dataDir, { PATH: "/nonexistent" });
      expect(said.blindness).toContain("CAP_SYS_PTRACE");
      expect(said.listed).toContain(`process ${pid} may be a Postgres of ${dataDir}`);
    });

    it("minds no Postgres of somebody else", async () => {
      const { dataDir } = await fakePostgres();
      await chown(dataDir, 1, 1);
      expect((await blind(dataDir, { PATH: "/nonexistent" })).listed).toEqual([]);
    });
  },
);
