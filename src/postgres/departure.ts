/**
 * What a leader's sidecar that is restarted on purpose leaves for the next one: until when its lease lets Postgres serve.
 * The time counts from the boot of the machine, as the clock of every sidecar does, and suspensions with it; after
 * another boot it says nothing.
 */
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Term } from "../core/log/position.js";
import { hasCode, writeFileDurably } from "./durable_files.js";
import { bootId } from "./postmaster_record.js";
import type { SafeStartOptions } from "./safe_start.js";

export interface LeaseLeftBehind {
  readonly term: Term;
  /** In ms since the boot of the machine. */
  readonly untilMs: number;
}

function pathOf(stateDir: string): string {
  return join(stateDir, "postgres", "departure.json");
}

/** @throws when it cannot be written: the next sidecar then knows of no lease. */
export async function recordDeparture(
  { stateDir, user }: Pick<SafeStartOptions, "stateDir" | "user">,
  { term, untilMs }: LeaseLeftBehind,
): Promise<void> {
  const record = { boot_id: await bootId(), term: `${term}`, until_ms: untilMs };
  const content = `${JSON.stringify(record)}\n`;
  await writeFileDurably({ path: pathOf(stateDir), content, user, sync: "none" });
}

/** It counts once: what it stood on is known only as it was then, and whoever goes on has grants of its own. */
export async function takeDeparture(stateDir: string): Promise<LeaseLeftBehind | null> {
  const path = pathOf(stateDir);
  try {
    const text = await readFile(path, "utf8");
    await rm(path);
    const value: unknown = JSON.parse(text);
    const { boot_id, term, until_ms } = (value ?? {}) as Partial<Record<"boot_id" | "term" | "until_ms", unknown>>;
    if (boot_id !== (await bootId()) || typeof term !== "string" || typeof until_ms !== "number") return null;
    return /^\d+$/.test(term) ? { term: BigInt(term), untilMs: until_ms } : null;
  } catch (error) {
    // Torn or absent, it says nothing.
    if (error instanceof SyntaxError || hasCode(error, "ENOENT")) return null;
    throw error;
  }
}
