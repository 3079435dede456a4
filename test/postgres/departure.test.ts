import { access, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { departurePath, recordDeparture, takeDeparture } from "../../src/postgres/departure.js";
import { HAS_PROC } from "../../src/postgres/proc_table.js";
import { tempDir } from "../temp_dir.js";

const USER = { name: "nobody", uid: 0, gid: 0, drop: false };
const NOBODY = () => false;

async function left(): Promise<{ stateDir: string; file: string }> {
  const stateDir = await tempDir();
  await mkdir(join(stateDir, "postgres"));
  const settled = { term: 7n, subterm: 2 };
  await recordDeparture({ stateDir, user: USER }, { term: 7n, untilMs: 12_345.5, settled });
  return { stateDir, file: departurePath(stateDir) };
}

describe.skipIf(!HAS_PROC)("what a sidecar leaves behind for the next one", () => {
  it("is told once, and is gone then; a fraction of a millisecond is not given away", async () => {
    const { stateDir, file } = await left();
    const told = { term: 7n, untilMs: 12_345, settled: { term: 7n, subterm: 2 } };
    expect(await takeDeparture(stateDir, NOBODY)).toEqual(told);
    expect(await takeDeparture(stateDir, NOBODY)).toBeNull();
    await expect(access(file)).rejects.toThrow("ENOENT");
  });

  it("says nothing after another boot of the machine, whose clock began anew, and nothing when it is torn", async () => {
    const { stateDir, file } = await left();
    const record = JSON.parse(await readFile(file, "utf8")) as Record<string, unknown>;
    await writeFile(file, `${JSON.stringify({ ...record, boot_id: "00000000-0000-0000-0000-000000000000" })}\n`);
    expect(await takeDeparture(stateDir, NOBODY)).toBeNull();
    const wrong = [{ until_ms: "never" }, { settled: undefined }, { settled: ["7"] }, { term: 7 }, { term: "x" }];
    const texts = wrong.map((change) => `${JSON.stringify({ ...record, ...change })}\n`);
    // Without the end of its line it is not whole.
    for (const torn of ["", '{"boot_id":"', "null\n", "[\n", JSON.stringify(record), ...texts]) {
      await writeFile(file, torn);
      expect(await takeDeparture(stateDir, NOBODY), torn).toBeNull();
      await expect(access(file)).rejects.toThrow("ENOENT");
    }
  });

  it("is waited for while a fuse may still write it, and no longer", async () => {
    const { stateDir, file } = await left();
    const whole = await readFile(file, "utf8");
    await writeFile(file, whole.slice(0, 10));
    let burns = true;
    let asked = 0;
    const taken = takeDeparture(stateDir, () => {
      asked++;
      return burns;
    });
    await expect.poll(() => asked).toBeGreaterThan(1);
    await writeFile(file, whole);
    expect(await taken).toMatchObject({ term: 7n });
    const waits = takeDeparture(stateDir, () => burns);
    burns = false;
    expect(await waits).toBeNull();
  });
});
