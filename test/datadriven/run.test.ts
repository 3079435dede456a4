import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { Script } from "./script.js";

const FOLDER = fileURLToPath(new URL("./", import.meta.url));
const scripts = readdirSync(FOLDER).filter((name) => name.endsWith(".txt"));

/** The script again, with what really follows from each block of commands. */
function replay(text: string): string {
  const script = new Script();
  const blocks = text.trimEnd().split(/\n{2,}/);
  return `${blocks.map((block) => replayBlock(script, block)).join("\n\n")}\n`;
}

function replayBlock(script: Script, block: string): string {
  const [commands = ""] = block.split(/^----$/m);
  const isComment = commands.split("\n").every((line) => line.startsWith("#") || line === "");
  if (isComment) return block;
  const trace = script.run(commands.trimEnd());
  return `${commands.trimEnd()}\n----\n${trace === "" ? "(nothing)" : trace}`;
}

describe("scripts: commands and the whole trace that follows (rewrite with -u)", () => {
  it("there are some", () => {
    expect(scripts.length).toBeGreaterThanOrEqual(20);
  });

  for (const name of scripts) {
    it(name.replace(/\.txt$/, "").replaceAll("_", " "), async () => {
      const text = readFileSync(`${FOLDER}${name}`, "utf8");
      const trace = replay(text);
      // What is never right is not made right by rewriting the expectation.
      expect(trace).not.toMatch(/^(LOST|ROGUE|STALE)|FATAL/m);
      await expect(trace).toMatchFileSnapshot(`./${name}`);
    });
  }
});
