import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { replay } from "./replay.js";

const FOLDER = fileURLToPath(new URL("./", import.meta.url));
const scripts = readdirSync(FOLDER).filter((name) => name.endsWith(".txt"));

describe("scripts: commands and the whole trace that follows (rewrite with -u)", () => {
  it("there are some", () => {
    expect(scripts.length).toBeGreaterThanOrEqual(20);
  });

  for (const name of scripts) {
    it(name.replace(/\.txt$/, "").replaceAll("_", " "), async () => {
      const text = readFileSync(`${FOLDER}${name}`, "utf8");
      const trace = replay(text);
      // What is never right is not made right by rewriting the expectation.
      expect(trace).not.toMatch(/^(LOST|ROGUE|STALE)|FATAL|VIOLATION/m);
      await expect(trace).toMatchFileSnapshot(`./${name}`);
    });
  }
});
