import type { History } from "../../core/log/history.js";
import type { Term } from "../../core/log/position.js";

/** What a timeline history file turned out to be. Foreign bytes never throw: they are `refused`. */
export type HistoryFile =
  | { readonly kind: "history"; readonly history: History }
  /** No parent line: one of our gap fillers, or an empty file. Postgres ignores it, so do we. */
  | { readonly kind: "placeholder" }
  | { readonly kind: "missing" }
  | { readonly kind: "refused"; readonly reason: string };

/** `0000002A.history` */
export function historyFileName(_timeline: Term): string {
  throw new Error("not built yet");
}

/** The timeline whose history file has this name, or undefined if it is no such name. */
export function timelineOfHistoryFile(_name: string): Term | undefined {
  throw new Error("not built yet");
}

export function parseHistoryFile(_timeline: Term, _bytes: Uint8Array): HistoryFile {
  throw new Error("not built yet");
}

/** The bytes Postgres would write for this history. */
export function formatHistoryFile(_history: History): string {
  throw new Error("not built yet");
}

/** Timeline 1 has no file and no ancestors: always `history`. */
export async function readHistory(_dataDir: string, _timeline: Term): Promise<HistoryFile> {
  throw new Error("not built yet");
}

/** The lowest timeline above `held` that has a real history file in pg_wal, or undefined (POSTGRES.md A.4). */
export async function realHistoryAbove(_dataDir: string, _held: Term): Promise<Term | undefined> {
  throw new Error("not built yet");
}
