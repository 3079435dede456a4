import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, test } from "vitest";
import { assertImportRules } from "./import_rules.js";
import { sourcesBelow } from "./sources.js";

const LINES_MAX = 300;
const CORE = fileURLToPath(new URL("../../src/core/", import.meta.url));

describe("habits of the house", () => {
  const sources = sourcesBelow("src");

  test("there is something to check", () => {
    expect(sources.length).toBeGreaterThan(10);
  });

  test("no file of src is longer than 300 lines", () => {
    const long = sources.map(({ path, text }) => ({ path, lines: text.split("\n").length - 1 }));
    expect(long.filter(({ lines }) => lines > LINES_MAX)).toEqual([]);
  });

  test("nothing is exported as default", () => {
    expect(
      sources.filter(({ text }) => /^export default\b|\bas default\b/m.test(text)).map(({ path }) => path),
    ).toEqual([]);
  });

  // Not a global of its own, so the linter's list of denied globals cannot name it.
  test("the core draws no random numbers", () => {
    const core = sources.filter(({ path }) => path.startsWith("src/core/"));
    expect(core.filter(({ text }) => /\bMath\s*\.\s*random\b|\bcrypto\b/.test(text)).map(({ path }) => path)).toEqual(
      [],
    );
  });

  test("no file is named after nothing", () => {
    const vague = /(^|\/)(utils?|helpers?|common)(\.|\/)/;
    const paths = [...sources, ...sourcesBelow("test"), ...sourcesBelow("bench")].map(({ path }) => path);
    expect(paths.filter((path) => vague.test(path))).toEqual([]);
  });
});

/** What the compiler says about a file that would lie in src/core, under the core's own settings. */
function compileInCore(text: string): readonly string[] {
  const file = `${CORE}planted_by_a_test.ts`;
  const settings = ts.getParsedCommandLineOfConfigFile(`${CORE}tsconfig.json`, undefined, {
    ...ts.sys,
    onUnRecoverableConfigFileDiagnostic: (diagnostic) => {
      throw new Error(ts.flattenDiagnosticMessageText(diagnostic.messageText, "\n"));
    },
  });
  if (settings === undefined) throw new Error("src/core/tsconfig.json cannot be read");
  const host = ts.createCompilerHost(settings.options);
  const readFromDisk = host.getSourceFile.bind(host);
  host.getSourceFile = (name, options, onError) =>
    name === file ? ts.createSourceFile(name, text, options) : readFromDisk(name, options, onError);
  const program = ts.createProgram([file], settings.options, host);
  const planted = program.getSourceFile(file);
  return program
    .getSemanticDiagnostics(planted)
    .map((diagnostic) => ts.flattenDiagnosticMessageText(diagnostic.messageText, "\n"));
}

describe("the core is pure", () => {
  test("ordinary code compiles, so that the refusals below mean something", () => {
    expect(compileInCore("export const lsn: bigint = 1n;")).toEqual([]);
  });

  for (const [name, text] of [
    ["setTimeout", "export const timer = setTimeout(() => undefined, 1);"],
    ["setInterval", "export const timer = setInterval(() => undefined, 1);"],
    ["process", "export const id = process.pid;"],
    ["Buffer", "export const bytes = Buffer.alloc(1);"],
    ["performance", "export const now = performance.now();"],
  ] as const) {
    test(`${name} does not compile there`, () => {
      expect(compileInCore(text).join("\n")).toMatch(new RegExp(`Cannot find name '${name}'`));
    });
  }
});

describe("who may import whom", () => {
  test("the checker sees a planted violation, more than no modules, and nothing broken", async () => {
    expect(await assertImportRules()).toBeGreaterThan(10);
  }, 60_000);
});
