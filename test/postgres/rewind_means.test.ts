import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { bytesBelow } from "../../src/postgres/rewind_means.js";
import { tempDir } from "../temp_dir.js";

it("counts the files below a directory, not what links lead to, and stops once it is enough", async () => {
  const home = await tempDir();
  await mkdir(join(home, "data/base/1"), { recursive: true });
  await mkdir(join(home, "elsewhere"));
  await writeFile(join(home, "elsewhere/big"), Buffer.alloc(5000));
  await writeFile(join(home, "data/base/1/1259"), Buffer.alloc(300));
  await writeFile(join(home, "data/PG_VERSION"), "15\n");
  await symlink(join(home, "elsewhere"), join(home, "data/pg_wal"));
  expect(await bytesBelow(join(home, "data"), 1e9)).toBe(303);
  expect(await bytesBelow(join(home, "data"), 3)).toBeGreaterThanOrEqual(3);
  expect(await bytesBelow(join(home, "data"), 0)).toBe(0);
  expect(await bytesBelow(join(home, "nothing"), 1e9)).toBe(0);
});
