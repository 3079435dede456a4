import type { History } from "../../../src/core/log/history.js";
import type { Lsn } from "../../../src/core/log/lsn.js";
import type { Position, Term } from "../../../src/core/log/position.js";
import { POSITION_EMPTY } from "../../../src/core/log/position.js";
import { policyText, type RulesetRecord } from "../../../src/core/ruleset/ruleset.js";

/** A record of the WAL. `opens` is what a promotion leaves at the head of its timeline. */
export type Entry =
  | { readonly kind: "opens" }
  | { readonly kind: "write"; readonly name: string }
  | { readonly kind: "ruleset"; readonly record: RulesetRecord };

/** The last record of a log, and with it the whole log: equal logs are one object, so containment is being an ancestor. */
export interface Log {
  readonly id: number;
  readonly parent: Log | null;
  readonly timeline: Term;
  readonly lsn: Lsn;
  readonly entry: Entry;
}

const BYTES = 16n;

/** All logs that ever were. Two different writers of one timeline would meet in here as one: the judge looks for that. */
export class LogTree {
  private readonly known = new Map<string, Log>();
  readonly all: Log[] = [];

  append(parent: Log | null, timeline: Term, entry: Entry): Log {
    const key = `${parent?.id ?? -1}/${timeline}/${textOf(entry)}`;
    const found = this.known.get(key);
    if (found !== undefined) return found;
    const log: Log = { id: this.all.length, parent, timeline, lsn: (parent?.lsn ?? 0n) + BYTES, entry };
    this.known.set(key, log);
    this.all.push(log);
    return log;
  }
}

export function textOf(entry: Entry): string {
  if (entry.kind === "write") return entry.name;
  if (entry.kind === "opens") return "opens";
  const { number, state, ruleset } = entry.record;
  const members = ruleset?.cohort.map((m) => `${m.id}${m.eligible ? "" : "!"}`).join("+") ?? "";
  const policy = ruleset === null ? "" : policyText(ruleset.policy);
  return `${state}(${number.term},${number.subterm})${members}${policy}`;
}

/** Whether every record of `part` is in `whole`. */
export function holds(whole: Log | null, part: Log | null): boolean {
  if (part === null) return true;
  let at = whole;
  while (at !== null && at.lsn > part.lsn) at = at.parent;
  return at === part;
}

/** The first record that `whole` has beyond `part`; undefined if it has none or `part` is not in it. */
export function nextAfter(whole: Log | null, part: Log | null): Log | undefined {
  let at = whole;
  while (at !== null && at.parent !== part) at = at.parent;
  return at ?? undefined;
}

export function positionOf(log: Log | null): Position {
  return log === null ? POSITION_EMPTY : { timeline: log.timeline, lsn: log.lsn };
}

export function entriesOf(log: Log | null): Log[] {
  const entries: Log[] = [];
  for (let at = log; at !== null; at = at.parent) entries.push(at);
  return entries.reverse();
}

export function recordsOf(log: Log | null): RulesetRecord[] {
  return entriesOf(log).flatMap((l) => (l.entry.kind === "ruleset" ? [l.entry.record] : []));
}

export function historyOf(log: Log | null, timeline: Term): History {
  const ends = new Map<Term, Lsn>();
  for (const entry of entriesOf(log)) ends.set(entry.timeline, entry.lsn);
  const ancestors = [...ends].filter(([t]) => t < timeline).map(([t, end]) => ({ timeline: t, end }));
  return { timeline, ancestors };
}
