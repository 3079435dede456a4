import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Ancestor, History } from "../../core/log/history.js";
import { historyFault } from "../../core/log/history.js";
import { formatLsn, parseLsn } from "../../core/log/lsn.js";
import type { Term } from "../../core/log/position.js";
import { TERM_MAX } from "../../core/log/position.js";
import { hasCode } from "../durable_files.js";

/** What a timeline history file turned out to be. Foreign bytes never throw: they are `refused`. */
export type HistoryFile =
  | { readonly kind: "history"; readonly history: History }
  /** No parent line: one of our gap fillers, or an empty file. Postgres ignores it, so do we. */
  | { readonly kind: "placeholder" }
  | { readonly kind: "missing" }
  | { readonly kind: "refused"; readonly reason: string };

const TIMELINE_FIRST: Term = 1n;
const NAME = /^([0-9A-F]{8})\.history$/;
/** Postgres reads `%u\t%X/%X` and takes any white space for the tab; what follows is a reason for people. */
const PARENT_LINE = /^\s*(\d{1,10})\s+([0-9A-Fa-f]{1,8}\/[0-9A-Fa-f]{1,8})(?:\s.*)?$/;
/** Some 60,000 ancestors: far above what any cluster lives to see, far below what would stall the sidecar. */
const FILE_BYTES_MAX = 4 * 1024 * 1024;
const QUOTE_CHARS_MAX = 60;

/** `0000002A.history` */
export function historyFileName(timeline: Term): string {
  return `${timeline.toString(16).toUpperCase().padStart(8, "0")}.history`;
}

/** The timeline whose history file has this name, or undefined if it is no such name. */
export function timelineOfHistoryFile(name: string): Term | undefined {
  const match = NAME.exec(name);
  return match === null ? undefined : BigInt(`0x${match[1]}`);
}

export function parseHistoryFile(timeline: Term, bytes: Uint8Array): HistoryFile {
  const file = historyFileName(timeline);
  if (bytes.length > FILE_BYTES_MAX) return refused(file, `it has ${bytes.length} bytes`);
  const text = Buffer.from(bytes).toString("latin1");
  const ancestors: Ancestor[] = [];
  for (const line of text.split("\n")) {
    if (isComment(line)) continue;
    const ancestor = parseParentLine(line);
    if (ancestor === undefined) return refused(file, `no parent timeline in line ${quote(line)}`);
    ancestors.push(ancestor);
  }
  if (ancestors.length === 0) return { kind: "placeholder" };
  // Postgres ends every line it writes; half an LSN would read as another LSN.
  if (!text.endsWith("\n")) return refused(file, "its last line is cut short");
  const history: History = { timeline, ancestors };
  const fault = historyFault(history);
  return fault === undefined ? { kind: "history", history } : refused(file, fault);
}

function isComment(line: string): boolean {
  const text = line.trimStart();
  return text === "" || text.startsWith("#");
}

function parseParentLine(line: string): Ancestor | undefined {
  const match = PARENT_LINE.exec(line);
  if (match?.[1] === undefined || match[2] === undefined) return undefined;
  const timeline = BigInt(match[1]);
  if (timeline < TIMELINE_FIRST || timeline > TERM_MAX) return undefined;
  return { timeline, end: parseLsn(match[2]) };
}

function refused(file: string, why: string): HistoryFile {
  return { kind: "refused", reason: `timeline history file ${file} cannot be used: ${why}; clone this node again` };
}

function quote(line: string): string {
  return JSON.stringify(line.length > QUOTE_CHARS_MAX ? `${line.slice(0, QUOTE_CHARS_MAX)}...` : line);
}

/** The bytes Postgres would write for this history. */
export function formatHistoryFile(history: History): string {
  return history.ancestors
    .map(({ timeline, end }) => `${timeline}\t${formatLsn(end)}\tno recovery target specified\n`)
    .join("\n");
}

/** Timeline 1 has no file and no ancestors: always `history`. */
export async function readHistory(dataDir: string, timeline: Term): Promise<HistoryFile> {
  if (timeline === TIMELINE_FIRST) return { kind: "history", history: { timeline, ancestors: [] } };
  const file = historyFileName(timeline);
  try {
    return parseHistoryFile(timeline, await readFile(join(dataDir, "pg_wal", file)));
  } catch (error) {
    if (hasCode(error, "ENOENT")) return { kind: "missing" };
    return {
      kind: "refused",
      reason: `timeline history file ${file} cannot be read: ${String(error)}; check its owner`,
    };
  }
}

/** The lowest timeline above `held` with a file in pg_wal that is no placeholder, or undefined (POSTGRES.md A.4). */
export async function realHistoryAbove(dataDir: string, held: Term): Promise<Term | undefined> {
  const names = await readdir(join(dataDir, "pg_wal"));
  const above = names
    .map(timelineOfHistoryFile)
    .filter((timeline) => timeline !== undefined)
    .filter((timeline) => timeline > held)
    .sort((a, b) => (a < b ? -1 : 1));
  for (const timeline of above) {
    const { kind } = await readHistory(dataDir, timeline);
    // Junk counts as real: Postgres would not promote over it either.
    if (kind === "history" || kind === "refused") return timeline;
  }
  return undefined;
}
