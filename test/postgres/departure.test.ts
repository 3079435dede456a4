import { access, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { recordDeparture, takeDeparture } from "../../src/postgres/departure.js";
import { HAS_PROC } from "../../src/postgres/proc_table.js";
import { tempDir } from "../temp_dir.js";

const USER = { name: "nobody", uid: 0, gid: 0, drop: false };

async function left(): Promise<{ stateDir: string; file: string }> {
  const stateDir = await tempDir();
  await mkdir(join(stateDir, "postgres"));
  await recordDeparture({ stateDir, user: USER }, { term: 7n, untilMs: 12_345.5 });
  return { stateDir, file: join(stateDir, "postgres", "departure.json") };
}

describe.skipIf(!HAS_PROC)("the lease that a sidecar leaves to the next one", () => {
  it("is told once, and is gone then", async () => {
    const { stateDir, file } = await left();
    expect(await takeDeparture(stateDir)).toEqual({ term: 7n, untilMs: 12_345.5 });
    expect(await takeDeparture(stateDir)).toBeNull();
    await expect(access(file)).rejects.toThrow("ENOENT");
  });

  it("says nothing after another boot of the machine, whose clock began anew, and nothing when it is torn", async () => {
    const { stateDir, file } = await left();
    const record = JSON.parse(await readFile(file, "utf8")) as Record<string, unknown>;
    await writeFile(file, JSON.stringify({ ...record, boot_id: "00000000-0000-0000-0000-000000000000" }));
    expect(await takeDeparture(stateDir)).toBeNull();
    for (const torn of ["", '{"boot_id":"', "null", JSON.stringify({ ...record, until_ms: "never" })]) {
      await writeFile(file, torn);
      expect(await takeDeparture(stateDir), torn).toBeNull();
    }
  });
});
