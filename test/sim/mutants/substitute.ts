import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build, type Plugin } from "esbuild";
import type { Mutant } from "./mutant.js";

export const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

/** How often `find` occurs in its file: once, or the mutant says nothing. */
export function occurrences(mutant: Mutant): number {
  return readFileSync(`${ROOT}${mutant.file}`, "utf8").split(mutant.find).length - 1;
}

/** The file as the mutant has it. */
export function mutated(mutant: Mutant): string {
  const text = readFileSync(`${ROOT}${mutant.file}`, "utf8");
  if (occurrences(mutant) !== 1)
    throw new Error(`${mutant.name}: its text occurs ${occurrences(mutant)} times in ${mutant.file}, not once`);
  // A function, since a text may contain `$&`.
  return text.replace(mutant.find, () => mutant.replace);
}

function substitution(mutant: Mutant): Plugin {
  const path = `${ROOT}${mutant.file}`;
  return {
    name: "mutant",
    setup({ onLoad }) {
      onLoad({ filter: /\.ts$/ }, (args) => (args.path === path ? { contents: mutated(mutant), loader: "ts" } : null));
    },
  };
}

/**
 * One file with everything below an entry, the mutated text in the place of the original; null bundles what is shipped.
 * @param entry below the root of the repository.
 */
export async function bundle(entry: string, mutant: Mutant | null, outfile: string): Promise<void> {
  const result = await build({
    entryPoints: [`${ROOT}${entry}`],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    logLevel: "silent",
    plugins: mutant === null ? [] : [substitution(mutant)],
  });
  if (result.errors.length > 0) throw new Error(`${entry} cannot be bundled: ${result.errors[0]?.text}`);
}
