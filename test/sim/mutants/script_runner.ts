import { readdirSync, readFileSync } from "node:fs";
import { replay } from "../../datadriven/replay.js";

/** How a script noticed: what is never right was seen, or only the trace is another one. */
export type Noticed = "violation" | "trace";

/** A line that is never right, whatever the expectation says. */
const NEVER = /^(LOST|ROGUE|STALE)|FATAL|VIOLATION/m;

/** Scripts of a folder that notice; with `names`, only those. Bundled with the mutated source, and run in a worker. */
export function scriptsThatNotice(folder: string, names: readonly string[] | null): Record<string, Noticed> {
  const found: Record<string, Noticed> = {};
  for (const name of readdirSync(folder).sort()) {
    if (!name.endsWith(".txt") || (names !== null && !names.includes(name))) continue;
    const noticed = notices(readFileSync(`${folder}/${name}`, "utf8"));
    if (noticed !== null) found[name] = noticed;
  }
  return found;
}

function notices(text: string): Noticed | null {
  try {
    const trace = replay(text);
    if (NEVER.test(trace)) return "violation";
    return trace === text ? null : "trace";
  } catch {
    // A world that never comes to rest, or a command that has nothing to act on: not what the script expects.
    return "trace";
  }
}
