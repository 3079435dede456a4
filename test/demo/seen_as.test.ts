import { type ChildProcess, execFile, spawn } from "node:child_process";
import { chmod, realpath } from "node:fs/promises";
import { promisify } from "node:util";
import { afterEach, describe, expect, it } from "vitest";
import { seenAs } from "../../src/demo/seen_as.js";
import { tempDir } from "../temp_dir.js";

const run = promisify(execFile);
/** Everybody's `nobody`; only a user who is not root matters. */
const NOBODY = { uid: 65534, gid: 65534 };
const MODULE = new URL("../../src/demo/proc_files.ts", import.meta.url).href;
const PROGRAM = `
  const { hasVariable, listProc } = await import(${JSON.stringify(MODULE)});
  const entry = listProc().find(({ pid }) => pid === Number(process.argv[1]));
  process.stdout.write(JSON.stringify({ ...entry, has: hasVariable(entry, "QUORATE_DEMO_HOME", process.argv[2]) }));
`;

describe.skipIf(process.geteuid?.() !== 0)("processes of another user", () => {
  let child: ChildProcess | undefined;
  afterEach(() => child?.kill("SIGKILL"));

  it("are seen as that user sees them, also by root that may not look", async () => {
    const dir = await realpath(await tempDir());
    await chmod(dir, 0o755);
    const env = { QUORATE_DEMO_HOME: dir, QUORATE_SUPERUSER_PASSWORD: "secret", OTHER: "x" };
    child = spawn("/bin/sleep", ["60"], { ...NOBODY, cwd: dir, env, stdio: "ignore" });
    const pid = child.pid ?? 0;
    const inside = { cwd: dir, variables: [`QUORATE_DEMO_HOME=${dir}`] };
    await expect.poll(() => seenAs(NOBODY, [pid, 1]), { timeout: 10_000 }).toEqual(new Map([[pid, inside]]));
    const node = [process.execPath, "--import", "tsx", "--input-type=module", "-e", PROGRAM, `${pid}`, dir];
    const { stdout } = await run("setpriv", ["--bounding-set=-sys_ptrace", ...node]);
    expect(JSON.parse(stdout)).toMatchObject({ pid, program: "sleep", ...inside, has: true });
  });
});
