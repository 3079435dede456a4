import { randomBytes } from "node:crypto";
import { readFile, rm } from "node:fs/promises";
import { dirname, isAbsolute } from "node:path";
import { z } from "zod";
import type { Lsn } from "../../core/log/lsn.js";
import { formatLsn, parseLsn } from "../../core/log/lsn.js";
import type { Term } from "../../core/log/position.js";
import { hasCode, syncDirectory, writeFileDurably } from "../durable_files.js";
import type { OsUser } from "../os_user.js";

/** Where a base backup begins and ends; it is consistent from the end on. */
export interface BackupEnds {
  readonly startLsn: Lsn;
  readonly startTimeline: Term;
  readonly endLsn: Lsn;
  readonly endTimeline: Term;
}

/** Beside a clone: `<dir>.clone`. A directory with an `incomplete` one is our own leftover and may be removed. */
export type CloneMarker =
  | { readonly kind: "none" }
  | { readonly kind: "incomplete"; readonly tablespacesDir: string }
  | { readonly kind: "complete"; readonly tablespacesDir: string; readonly ends: BackupEnds }
  | { readonly kind: "damaged"; readonly reason: string };

const LSN_TEXT = z.string().transform((text, context) => {
  try {
    return parseLsn(text);
  } catch {
    context.addIssue({ code: "custom", message: "no LSN" });
    return z.NEVER;
  }
});
const TIMELINE_TEXT = z
  .string()
  .regex(/^\d{1,10}$/)
  .transform(BigInt);

const ENDS = z.object({
  startLsn: LSN_TEXT,
  startTimeline: TIMELINE_TEXT,
  endLsn: LSN_TEXT,
  endTimeline: TIMELINE_TEXT,
});
/** It is removed as a whole, so nothing else may ever be taken for one. */
const TABLESPACES_DIR = z.string().refine(isTablespacesDir, "no directory of a clone's tablespaces");
const MARKER = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("incomplete"), tablespacesDir: TABLESPACES_DIR }),
  z.object({ kind: z.literal("complete"), tablespacesDir: TABLESPACES_DIR, ends: ENDS }),
]);

/** The ends of a backup as strings: for the marker, and for the pipe between the clone's child and us. */
export type BackupEndsText = Readonly<Record<keyof BackupEnds, string>>;

export function formatEnds(ends: BackupEnds): BackupEndsText {
  return {
    startLsn: formatLsn(ends.startLsn),
    startTimeline: ends.startTimeline.toString(),
    endLsn: formatLsn(ends.endLsn),
    endTimeline: ends.endTimeline.toString(),
  };
}

export function parseEnds(text: BackupEndsText): BackupEnds {
  return ENDS.parse(text);
}

const TABLESPACES_SUFFIX = /\.tablespaces\.[0-9a-f]{12}$/;

/** Beside the clone, under a name that is never used again: it stays where it is when the clone is swapped in. */
export function newTablespacesDir(cloneDir: string): string {
  return `${cloneDir}.tablespaces.${randomBytes(6).toString("hex")}`;
}

export function isTablespacesDir(path: string): boolean {
  return isAbsolute(path) && TABLESPACES_SUFFIX.test(path);
}

export function cloneMarkerPath(cloneDir: string): string {
  return `${cloneDir}.clone`;
}

export async function readCloneMarker(cloneDir: string): Promise<CloneMarker> {
  const path = cloneMarkerPath(cloneDir);
  try {
    const parsed = MARKER.safeParse(JSON.parse(await readFile(path, "utf8")));
    return parsed.success ? parsed.data : damaged(path, z.prettifyError(parsed.error));
  } catch (error) {
    if (hasCode(error, "ENOENT")) return { kind: "none" };
    return damaged(path, String(error));
  }
}

function damaged(path: string, why: string): CloneMarker {
  return {
    kind: "damaged",
    reason: `${path} cannot be read: ${why}; look at the directory beside it and remove both by hand`,
  };
}

export interface MarkOptions {
  readonly cloneDir: string;
  readonly tablespacesDir: string;
  readonly user: OsUser;
}

export async function markIncomplete({ cloneDir, tablespacesDir, user }: MarkOptions): Promise<void> {
  await writeMarker(cloneDir, user, { kind: "incomplete", tablespacesDir });
}

/** The last step of a clone: everything it speaks of is on disk. */
export async function markComplete({ cloneDir, tablespacesDir, user }: MarkOptions, ends: BackupEnds): Promise<void> {
  await writeMarker(cloneDir, user, { kind: "complete", tablespacesDir, ends: formatEnds(ends) });
}

export async function removeCloneMarker(cloneDir: string): Promise<void> {
  const path = cloneMarkerPath(cloneDir);
  await rm(path, { force: true });
  await syncDirectory(dirname(path));
}

async function writeMarker(cloneDir: string, user: OsUser, marker: object): Promise<void> {
  await writeFileDurably({ path: cloneMarkerPath(cloneDir), content: `${JSON.stringify(marker)}\n`, user });
}
