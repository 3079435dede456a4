import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { call } from "./in_worker.js";
import { MUTANTS } from "./list.js";
import type { Noticed } from "./script_runner.js";
import { bundle, occurrences, ROOT } from "./substitute.js";
import { SURVIVORS } from "./survivors.js";

const DEADLINE_MS = 60_000;
const folder = mkdtempSync(join(tmpdir(), "quorate-mutants-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function scripts(name: string, mutant: (typeof MUTANTS)[number] | null, names: readonly string[]) {
  const file = join(folder, `${name}.mjs`);
  await bundle("test/sim/mutants/script_runner.ts", mutant, file);
  const args = [`${ROOT}test/datadriven`, names];
  return call<Record<string, Noticed>>(pathToFileURL(file).href, "scriptsThatNotice", args, DEADLINE_MS);
}

describe("the list of mutants", () => {
  it("has at least thirty, each under a name of its own", () => {
    expect(MUTANTS.length).toBeGreaterThanOrEqual(30);
    expect(new Set(MUTANTS.map((m) => m.name)).size).toBe(MUTANTS.length);
  });

  for (const mutant of MUTANTS)
    it(`${mutant.name}: its text occurs once, and is changed`, () => {
      expect(occurrences(mutant)).toBe(1);
      expect(mutant.replace).not.toBe(mutant.find);
    });

  it("names a script that kills each, or explains why none does", () => {
    expect(MUTANTS.filter((m) => m.script === undefined && SURVIVORS[m.name] === undefined)).toEqual([]);
  });

  it("explains survivors that exist, and none that a script is said to kill", () => {
    for (const name of Object.keys(SURVIVORS)) {
      const mutant = MUTANTS.find((m) => m.name === name);
      expect(mutant, name).toBeDefined();
      expect(mutant?.script, name).toBeUndefined();
    }
  });
});

describe("a script named as the killer kills", () => {
  const named = MUTANTS.filter((m) => m.script !== undefined);

  it("what is shipped passes them all, bundled as the mutants are", async () => {
    const outcome = await scripts("shipped", null, [...new Set(named.map((m) => m.script ?? ""))]);
    expect(outcome).toEqual({ kind: "returned", value: {} });
  }, 120_000);

  for (const mutant of named)
    it(`${mutant.script} notices ${mutant.name}`, async () => {
      const outcome = await scripts(mutant.name, mutant, [mutant.script ?? ""]);
      // A script that never ends is not what it expects either.
      expect(outcome.kind === "returned" ? Object.keys(outcome.value) : [mutant.script]).toEqual([mutant.script]);
    }, 120_000);
});
