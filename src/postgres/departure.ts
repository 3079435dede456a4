/**
 * What a leader's sidecar that ends leaves for the next one: until when its lease lets Postgres serve, and by which rules alone it
 * did. Written by the sidecar itself when it is restarted on purpose, by its fuse when it was killed. The time counts from the
 * boot of the machine, as the clock of every sidecar does, and suspensions with it; after another boot it says nothing.
 */
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { LeftBehind } from "../core/lease/left_behind.js";
import { hasCode, writeFileDurably } from "./durable_files.js";
import { bootId } from "./postmaster_record.js";
import type { SafeStartOptions } from "./safe_start.js";

const POLL_MS = 3;

export function departurePath(stateDir: string): string {
  return join(stateDir, "postgres", "departure.json");
}

/** One line without blanks. */
export function departureText({ term, untilMs, settled }: LeftBehind, boot: string): string {
  const number = [`${settled.term}`, settled.subterm];
  return JSON.stringify({ boot_id: boot, term: `${term}`, until_ms: Math.floor(untilMs), settled: number });
}

/** @throws when it cannot be written: the next sidecar then knows of no lease. */
export async function recordDeparture(
  { stateDir, user }: Pick<SafeStartOptions, "stateDir" | "user">,
  left: LeftBehind,
): Promise<void> {
  const content = `${departureText(left, await bootId())}\n`;
  await writeFileDurably({ path: departurePath(stateDir), content, user, sync: "none" });
}

/**
 * It counts once: what it stood on is known only as it was then, and whoever goes on has grants of its own. A fuse hears a little
 * later than this sidecar that the one before is gone: its word is waited for as long as `awaited` says that it may come.
 */
export async function takeDeparture(stateDir: string, awaited: () => boolean): Promise<LeftBehind | null> {
  const path = departurePath(stateDir);
  for (;;) {
    // Asked first: whoever wrote and ended since then is read.
    const comes = awaited();
    const text = await readOrNull(path);
    // A line that has not ended is still being written.
    if (text?.endsWith("\n") === true) {
      await rm(path);
      return parse(text, await bootId());
    }
    if (!comes) {
      await rm(path, { force: true });
      return null;
    }
    await delay(POLL_MS);
  }
}

async function readOrNull(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (hasCode(error, "ENOENT")) return null;
    throw error;
  }
}

/** Null where it says nothing that could be gone by. */
function parse(text: string, boot: string): LeftBehind | null {
  const { boot_id, term, until_ms, settled } = fieldsOf(text);
  if (boot_id !== boot || typeof until_ms !== "number" || !Array.isArray(settled)) return null;
  const [of, subterm]: readonly unknown[] = settled;
  if (!isTerm(term) || !isTerm(of) || typeof subterm !== "number") return null;
  return { term: BigInt(term), untilMs: until_ms, settled: { term: BigInt(of), subterm } };
}

type Fields = Partial<Record<"boot_id" | "term" | "until_ms" | "settled", unknown>>;

function fieldsOf(text: string): Fields {
  try {
    return (JSON.parse(text) ?? {}) as Fields;
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}

function isTerm(value: unknown): value is string {
  return typeof value === "string" && /^\d+$/.test(value);
}
