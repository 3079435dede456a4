import { existsSync } from "node:fs";
import { cp, mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { replayFiles } from "../../sim/replay.js";
import type { TestCluster } from "./cluster.js";

/**
 * What the sidecars of this cluster recorded so far, done again by the core and judged together. A failure keeps the
 * records, whose directory is about to go.
 */
export async function expectReplayed(cluster: TestCluster): Promise<void> {
  const files = cluster.ids.map((id) => cluster.record(id)).filter(existsSync);
  const { problems, steps } = await replayFiles(files);
  const found = [...problems, ...(await passwordsIn(cluster, files))];
  if (steps === 0) found.push("the records hold no step");
  if (found.length === 0) return;
  const kept = await mkdtemp(join(tmpdir(), "quorate-records-"));
  for (const file of files) await cp(file, join(kept, basename(file)));
  throw new Error(`the records of this cluster, kept in ${kept}, do not hold:\n${found.join("\n")}`);
}

/** Passwords travel beside the messages, never in them. */
async function passwordsIn(cluster: TestCluster, files: readonly string[]): Promise<readonly string[]> {
  const passwords = new Set<string>();
  for (const id of cluster.ids) {
    const text = await readFile(join(cluster.node(id).dataDir, "state", "credentials.json"), "utf8").catch(() => "{}");
    for (const value of Object.values(JSON.parse(text) as Record<string, unknown>)) passwords.add(String(value));
  }
  const texts = await Promise.all(files.map((file) => readFile(file, "utf8")));
  return [...passwords].some((password) => texts.some((text) => text.includes(password)))
    ? ["a password stands in a record"]
    : [];
}
