/** The pages themselves are the script: what they tell people to type is what is run here. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "..", "..");

/** The first fenced block of that language below the heading. @throws if the page has none. */
export function block(page: string, heading: string, language: string): string {
  const text = readFileSync(join(ROOT, page), "utf8");
  const from = text.search(new RegExp(`^#+ ${heading}$`, "m"));
  const found = from < 0 ? null : new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\`$`, "m").exec(text.slice(from));
  if (found?.[1] === undefined)
    throw new Error(`${page} has no ${language} block below "${heading}", and test/hosts follows that page`);
  return found[1];
}

/** The commands of a block, one a line, without what the page says beside them. */
export function commands(page: string, heading: string): readonly string[] {
  return block(page, heading, "sh")
    .split("\n")
    .map((line) => line.replace(/\s+# .*$/, ""))
    .filter(Boolean);
}
