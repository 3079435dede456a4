import { chmod, mkdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { registerRun } from "../../src/cli/commands/run.js";
import { tempDir } from "../temp_dir.js";
import { cli } from "./cli_run.js";

const SOMEBODY = 65_534;
const isRoot = process.geteuid?.() === 0;

/** `quorate run` of n1 with this data_dir, up to where the sidecar would be started. */
async function run(directory: string, dataDir: string) {
  const file = join(directory, "quorate.yaml");
  const n2 = "n2: { host: 127.0.0.1, port: 7433, data_dir: other, postgres: { port: 5433 } }";
  await writeFile(
    file,
    `cluster: shop\nnodes:\n  n1: { host: 127.0.0.1, data_dir: ${dataDir} }\n  ${n2}\npolicy: majority\n`,
  );
  // Root may write anywhere: as root the test becomes somebody else for a while.
  if (isRoot) process.seteuid?.(SOMEBODY);
  const start = () => Promise.reject(new Error("started"));
  try {
    return await cli(["run", "-c", file, "--node", "n1"], [registerRun(start)]);
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
}

/** A directory that others may enter, but nobody without rights may write in. */
async function closed(): Promise<string> {
  const directory = await tempDir();
  await chmod(directory, 0o755);
  await mkdir(join(directory, "lib"), { mode: isRoot ? 0o755 : 0o555 });
  return directory;
}

describe("the data directory of quorate run", () => {
  test("is made, with its parents", async () => {
    const directory = await tempDir();
    await chmod(directory, 0o777);
    expect((await run(directory, "a/n1")).stderr).toMatch(/started\n$/);
    expect((await stat(join(directory, "a/n1"))).isDirectory()).toBe(true);
  });

  test("that may not be made names the key, the user and the command", async () => {
    const directory = await closed();
    const { code, stderr } = await run(directory, "lib/shop/n1");
    const path = join(directory, "lib/shop/n1");
    expect(code).toBe(1);
    expect(stderr).toContain(`data_dir: ${path} of n1 cannot be made or written by `);
    expect(stderr).toMatch(/\(user id \d+\), who runs this; create it with `sudo install -d -o \S+ \S+lib\/shop\/n1`/);
  });

  test.skipIf(!isRoot)("that holds another user's data is not to be made anew", async () => {
    const directory = await closed();
    await mkdir(join(directory, "lib/pgdata"));
    const { code, stderr } = await run(directory, "lib");
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /it is not empty, or closed; run as its owner, give it over with `sudo chown -R \S+ \S+lib`/,
    );
  });

  test("below a file says what the system says, and the key", async () => {
    const directory = await tempDir();
    await chmod(directory, 0o777);
    await writeFile(join(directory, "file"), "");
    const { code, stderr } = await run(directory, "file/n1");
    expect(code).toBe(1);
    expect(stderr).toMatch(/data_dir: \S+file\/n1 of n1 cannot be used: ENOTDIR.*; name another folder as data_dir/);
  });
});
