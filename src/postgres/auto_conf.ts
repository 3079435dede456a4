import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { hasCode, writeFileDurably } from "./durable_files.js";
import type { OsUser } from "./os_user.js";

/** A setting of postgresql.auto.conf; null removes it. */
export type AutoConfChanges = Readonly<Record<string, string | null>>;

const FILE = "postgresql.auto.conf";
const ASSIGNMENT = /^\s*([A-Za-z_][A-Za-z0-9_.]*)\s*(?:=\s*|\s)(.*)$/;

/**
 * Rewrites postgresql.auto.conf (temp, fsync, rename); foreign lines are kept. Whether the old or the new text survives
 * a power cut does not matter: a safe start writes ours again.
 * This file and not a file of ours, because it beats every include (POSTGRES.md trap 25).
 */
export async function writeAutoConf(dataDir: string, changes: AutoConfChanges, user: OsUser): Promise<void> {
  const path = join(dataDir, FILE);
  const before = await readText(path);
  const after = applyChanges(before, changes);
  if (after !== before) await writeFileDurably({ path, content: after, user, sync: "file" });
}

/** What postgresql.auto.conf says now; the last line of a name wins, as in Postgres. */
export async function readAutoConf(dataDir: string): Promise<Record<string, string>> {
  return parseAutoConf(await readText(join(dataDir, FILE)));
}

async function readText(path: string): Promise<string> {
  return readFile(path, "utf8").catch((error: unknown) => {
    if (hasCode(error, "ENOENT")) return "";
    throw error;
  });
}

/** The text after the changes: every line of a changed name goes, new values stand at the end. */
export function applyChanges(text: string, changes: AutoConfChanges): string {
  const changed = new Map(Object.entries(changes).map(([name, value]) => [name.toLowerCase(), value]));
  const kept = text.split("\n").filter((line) => !changed.has(ASSIGNMENT.exec(line)?.[1]?.toLowerCase() ?? ""));
  while (kept.at(-1) === "") kept.pop();
  for (const [name, value] of changed) {
    if (value !== null) kept.push(`${name} = ${quote(name, value)}`);
  }
  return `${kept.join("\n")}\n`;
}

export function parseAutoConf(text: string): Record<string, string> {
  const settings: Record<string, string> = {};
  for (const line of text.split("\n")) {
    const [, name, raw] = ASSIGNMENT.exec(line) ?? [];
    if (name !== undefined && raw !== undefined) settings[name.toLowerCase()] = unquote(raw);
  }
  return settings;
}

function quote(name: string, value: string): string {
  if (/[\n\r\0]/.test(value))
    throw new Error(`${name} in ${FILE}: a value has to fit on one line; remove the line break`);
  return `'${value.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;
}

function unquote(raw: string): string {
  const quoted = /^'((?:[^'\\]|''|\\.)*)'/.exec(raw)?.[1];
  if (quoted === undefined) return raw.replace(/\s*(#.*)?$/, "");
  return quoted.replace(/''|\\(.)/g, (_, escaped: string | undefined) => escaped ?? "'");
}
