import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import type { ICruiseOptions, ICruiseResult, IForbiddenRuleType } from "dependency-cruiser";
import { cruise } from "dependency-cruiser";
import extractTSConfig from "dependency-cruiser/config-utl/extract-ts-config";
import { sourcesBelow } from "./sources.js";

interface RuleFile {
  readonly forbidden: IForbiddenRuleType[];
  readonly options: ICruiseOptions;
}

export interface ImportReport {
  readonly modules: number;
  /** One line for each broken rule: `rule: from -> to`. */
  readonly violations: readonly string[];
}

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const PLANTED = fileURLToPath(new URL("./planted/", import.meta.url));

/** A folder that is empty or absent makes the checker throw, so it is left out; that all are is found by the count. */
function hasSources(folder: string): boolean {
  return sourcesBelow(folder).length > 0;
}

/** Holds the folders below `baseDir` against the rules of .dependency-cruiser.cjs. */
export async function checkImports(baseDir: string, folders: readonly string[]): Promise<ImportReport> {
  const rules = createRequire(import.meta.url)("../../.dependency-cruiser.cjs") as RuleFile;
  const { enhancedResolveOptions, tsConfig, ...options } = rules.options;
  const result = await cruise(
    [...folders],
    { ...options, baseDir, validate: true, ruleSet: { forbidden: rules.forbidden } },
    enhancedResolveOptions as never,
    { tsConfig: extractTSConfig(`${ROOT}${tsConfig?.fileName ?? "tsconfig.json"}`) },
  );
  const { modules, summary } = result.output as ICruiseResult;
  // Modules that are only imported (packages, Node's own) do not prove that our files were read.
  const ours = modules.filter((module) => folders.some((folder) => module.source.startsWith(`${folder}/`)));
  return {
    modules: ours.length,
    violations: summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`),
  };
}

/**
 * The checker itself is checked first: one release of it read nothing and reported success.
 * @throws Error when it is blind, or when a rule is broken.
 */
export async function assertImportRules(): Promise<number> {
  const planted = await checkImports(PLANTED, ["src"]);
  for (const rule of ["core-imports", "core-is-pure"]) {
    if (!planted.violations.some((line) => line.startsWith(`${rule}:`))) {
      throw new Error(`the import checker did not see the planted violation of ${rule}: ${JSON.stringify(planted)}`);
    }
  }
  const real = await checkImports(ROOT, ["src", "test", "bench"].filter(hasSources));
  if (real.modules === 0) throw new Error("the import checker read no module at all; check its TypeScript support");
  const broken = real.violations.filter((line) => !line.includes("test/tidy/planted/"));
  if (broken.length > 0) throw new Error(`import rules broken:\n  ${broken.join("\n  ")}`);
  return real.modules;
}
