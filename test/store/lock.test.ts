import { spawn } from "node:child_process";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type Lock, lockDirectory } from "../../src/store/lock.js";
import { tempDir } from "../temp_dir.js";

const NAME = "quorate.lock";

async function take(directory: string): Promise<Lock> {
  const result = await lockDirectory(directory);
  if (result.kind === "refused") throw new Error(result.message);
  return result.lock;
}

/** A lock as a process would have left it that is dead by now. */
async function plantDead(directory: string, changes: object = {}): Promise<void> {
  const lock = await take(directory);
  const owner = JSON.parse(await readFile(lock.path, "utf8")) as object;
  await writeFile(lock.path, JSON.stringify({ ...owner, token: "dead", ...changes }));
}

describe("lock of a state directory", () => {
  test("is taken once, refused to a second with the owner's pid, and free after release", async () => {
    const directory = await tempDir();
    const lock = await take(directory);
    const second = await lockDirectory(directory);
    expect(second).toMatchObject({ kind: "refused", ownerPid: process.pid });
    expect(second.kind === "refused" && second.message).toMatch(/stop that one first/);
    await lock.release();
    expect(await readdir(directory)).toEqual([]);
    await (await take(directory)).release();
  });

  test.skipIf(process.platform !== "linux")(
    "survives kill -9 of its owner: a living one keeps it, a dead one loses it",
    async () => {
      const directory = await tempDir();
      const child = spawn("sleep", ["60"], { stdio: "ignore" });
      const pid = child.pid ?? 0;
      const stat = await readFile(`/proc/${pid}/stat`, "utf8");
      const startTicks = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
      await plantDead(directory, { pid, startTicks });
      expect(await lockDirectory(directory)).toMatchObject({ kind: "refused", ownerPid: pid });
      child.kill("SIGKILL");
      await new Promise((resolve) => child.once("exit", resolve));
      await (await take(directory)).release();
      expect(await readdir(directory)).toEqual([]);
    },
  );

  test.skipIf(process.platform !== "linux")("a pid that was used again by somebody else does not keep it", async () => {
    const directory = await tempDir();
    await plantDead(directory, { startTicks: "1" });
    await take(directory);
  });

  test("a lock from before the machine was started again is dead", async () => {
    const directory = await tempDir();
    await plantDead(directory, { bootId: "another" });
    await take(directory);
  });

  test("of many that find a dead owner at once, exactly one gets it", async () => {
    for (let round = 0; round < 20; round++) {
      const directory = await tempDir();
      await plantDead(directory, { startTicks: "1" });
      const results = await Promise.all(Array.from({ length: 8 }, () => lockDirectory(directory)));
      expect(results.filter(({ kind }) => kind === "locked")).toHaveLength(1);
      expect(await readdir(directory)).toEqual([NAME]);
    }
  });

  test("an heir that died on the way is inherited from in turn", async () => {
    const directory = await tempDir();
    await plantDead(directory, { startTicks: "1" });
    const heir = { pid: process.pid, startTicks: "2", bootId: null, token: "heir" };
    await writeFile(join(directory, `${NAME}.dead.heir`), JSON.stringify(heir));
    await (await take(directory)).release();
    expect(await readdir(directory)).toEqual([]);
  });

  test("a file that is no lock is left alone", async () => {
    const directory = await tempDir();
    await writeFile(join(directory, NAME), "mine");
    const result = await lockDirectory(directory);
    expect(result.kind === "refused" && result.message).toMatch(/not a lock of Quorate's/);
    expect(await readFile(join(directory, NAME), "utf8")).toBe("mine");
  });
});
