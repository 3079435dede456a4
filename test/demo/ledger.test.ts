import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ledgerLineShape } from "../../src/cli/schemas.js";
import { Ledger, parseLedger } from "../../src/demo/ledger.js";
import { tempDir } from "../temp_dir.js";

describe("ledger", () => {
  test("every outcome is a line of the file, and counted", async () => {
    const path = join(await tempDir(), "ledger.jsonl");
    const ledger = new Ledger(path);
    ledger.record(1, "acked", 1000.12345);
    ledger.record(3, "unknown", 1001);
    ledger.record(2, "refused", 1002);
    expect(ledger.counts()).toEqual({ acked: 1, refused: 1, unknown: 1 });
    expect(ledger.highest()).toBe(3);
    await ledger.close();
    const lines = parseLedger(await readFile(path, "utf8"));
    for (const line of lines) ledgerLineShape.parse(line);
    expect(lines).toEqual([
      { n: 1, outcome: "acked", at_ms: 1000.123 },
      { n: 3, outcome: "unknown", at_ms: 1001 },
      { n: 2, outcome: "refused", at_ms: 1002 },
    ]);
  });

  test("a ledger that cannot be written fails the demo instead of judging less than there was", async () => {
    const ledger = new Ledger(join(await tempDir(), "no", "such", "folder"));
    ledger.record(1, "acked", 1);
    await expect(ledger.close()).rejects.toThrow(/could not be written/);
  });
});
