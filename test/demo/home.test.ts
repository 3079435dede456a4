import { chmod, mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { endDemo } from "../../src/demo/ending.js";
import { findHome, makeHome, removeHome } from "../../src/demo/home.js";
import { tempDir } from "../temp_dir.js";

describe("home", () => {
  test("made where it was wanted, found again, and ended without a trace", async () => {
    const parent = await tempDir();
    // As root's, a home must be open to Postgres' user; the temporary directory of a test is not.
    await chmod(parent, 0o711);
    const dir = join(parent, "a", "demo");
    const home = await makeHome(dir);
    expect((await findHome(dir)).config).toBe(home.config);
    expect(await endDemo(home)).toEqual([]);
    expect(await readdir(join(parent, "a"))).toEqual([]);
  });

  test("a temporary one carries its mark", async () => {
    const home = await makeHome(undefined);
    try {
      expect((await findHome(home.dir)).marker).toBe(home.marker);
    } finally {
      await removeHome(home);
    }
  });

  test("a directory with something in it is refused, and stays as it was", async () => {
    const dir = await tempDir();
    await writeFile(join(dir, "thesis.txt"), "years of work");
    await expect(makeHome(dir)).rejects.toThrow(/is not empty/);
    expect(await readdir(dir)).toEqual(["thesis.txt"]);
  });

  test("nothing is stopped or removed where no demo was", async () => {
    const dir = await tempDir();
    await mkdir(join(dir, "n1"));
    await expect(findHome(dir)).rejects.toThrow(/not the directory of a demo/);
    await expect(findHome(join(dir, "nowhere"))).rejects.toThrow(/does not exist/);
  });
});
