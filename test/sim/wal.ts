import type { History } from "../../src/core/log/history.js";
import type { Position } from "../../src/core/log/position.js";
import { POSITION_EMPTY } from "../../src/core/log/position.js";
import type { RulesetRecord } from "../../src/core/ruleset/ruleset.js";

/** One WAL record. `write` numbers a client's write; 0 for whatever else Postgres or the sidecar wrote. */
export interface WalRecord {
  readonly end: number;
  readonly write: number;
  readonly ruleset: RulesetRecord | null;
}

/**
 * One timeline as one promotion wrote it: records after the point where it left its parent (POSTGRES.md A).
 * Logs are shared: a node's log is a place in a branch, and everything before that place.
 */
export class Branch {
  readonly records: WalRecord[] = [];
  /** Indices of the ruleset records, to read them without reading everything. */
  readonly rulesets: number[] = [];
  /** By how many of them: what the whole log says with so many of this branch's. */
  readonly rulesetLists: (readonly RulesetRecord[])[] = [];
  readonly startLsn: number;

  constructor(
    readonly timeline: bigint,
    readonly parent: Tip | null,
    readonly writer: number,
    readonly system: string,
  ) {
    this.startLsn = parent === null ? 0x1000 : lsnOf(parent);
  }

  append(size: number, write: number, ruleset: RulesetRecord | null): Tip {
    const last = this.records.at(-1)?.end ?? this.startLsn;
    if (ruleset !== null) this.rulesets.push(this.records.length);
    this.records.push({ end: last + size, write, ruleset });
    return { branch: this, count: this.records.length };
  }
}

/** A place in the log: the first `count` records of the branch, and all that the branch came from. */
export interface Tip {
  readonly branch: Branch;
  readonly count: number;
}

export function lsnOf({ branch, count }: Tip): number {
  return count === 0 ? branch.startLsn : (branch.records[count - 1]?.end ?? branch.startLsn);
}

/** Of the last record: a timeline without a record of its own raises no position (DESIGN 3). */
export function positionOf(tip: Tip | null): Position {
  let at = tip;
  while (at !== null && at.count === 0 && at.branch.parent !== null) at = at.branch.parent;
  if (at === null) return POSITION_EMPTY;
  return { timeline: at.branch.timeline, lsn: BigInt(lsnOf(at)) };
}

/** Whether `inner` is a part of `outer`: the same records, or fewer of them. */
export function holds(outer: Tip | null, inner: Tip | null): boolean {
  if (inner === null) return true;
  for (let at = outer; at !== null; at = at.branch.parent) {
    if (at.branch === inner.branch) return inner.count <= at.count;
    if (inner.count === 0 && inner.branch.parent !== null && sameTip(at, inner.branch.parent)) return true;
  }
  return false;
}

export function sameTip(a: Tip | null, b: Tip | null): boolean {
  return a === b || (a !== null && b !== null && a.branch === b.branch && a.count === b.count);
}

/** How many records `to` has beyond `from`, which is a part of it. */
export function recordsBetween(from: Tip, to: Tip): number {
  let records = 0;
  for (let at: Tip | null = to; at !== null; at = at.branch.parent) {
    if (at.branch === from.branch) return records + Math.max(0, at.count - from.count);
    records += at.count;
  }
  return records;
}

/** `from` and `records` more on the way to `to`. */
export function towards(from: Tip, to: Tip, records: number): Tip {
  const beyond = recordsBetween(from, to) - records;
  if (beyond <= 0) return to;
  let left = beyond;
  for (let at: Tip = to; ; ) {
    if (at.branch === from.branch || left < at.count || at.branch.parent === null)
      return { branch: at.branch, count: at.count - left };
    left -= at.count;
    at = at.branch.parent;
  }
}

const NO_RULESETS: readonly RulesetRecord[] = [];

/** Ruleset records up to here, oldest first: the same list for as long as none is added, since everybody asks again and again. */
export function rulesetsOf(tip: Tip | null): readonly RulesetRecord[] {
  if (tip === null) return NO_RULESETS;
  const { branch, count } = tip;
  let own = branch.rulesets.length;
  while (own > 0 && (branch.rulesets[own - 1] ?? 0) >= count) own--;
  let list = branch.rulesetLists[own];
  if (list === undefined) {
    list = readRulesets(tip);
    branch.rulesetLists[own] = list;
  }
  return list;
}

function readRulesets(tip: Tip): RulesetRecord[] {
  const parts: RulesetRecord[][] = [];
  for (let at: Tip | null = tip; at !== null; at = at.branch.parent) {
    const { branch, count } = at;
    const part: RulesetRecord[] = [];
    for (const index of branch.rulesets) {
      const record = branch.records[index];
      if (index < count && record?.ruleset != null) part.push(record.ruleset);
    }
    parts.push(part);
  }
  return parts.reverse().flat();
}

/** What a timeline history file would say. */
export function historyOf(tip: Tip): History {
  const ancestors: { timeline: bigint; end: bigint }[] = [];
  for (let at = tip.branch.parent; at !== null; at = at.branch.parent)
    ancestors.push({ timeline: at.branch.timeline, end: BigInt(lsnOf(at)) });
  return { timeline: tip.branch.timeline, ancestors: ancestors.reverse() };
}

export function sayTip(tip: Tip | null): string {
  return tip === null ? "nothing" : `${tip.branch.timeline}:${lsnOf(tip)}`;
}

/** The part of a log up to an LSN of one of its timelines. */
export function cutAt(tip: Tip | null, lsn: bigint, timeline: bigint): Tip | null {
  let at = tip;
  while (at !== null && at.branch.timeline > timeline) at = at.branch.parent;
  if (at === null || at.branch.timeline !== timeline) return at;
  let { count } = at;
  while (count > 0 && BigInt(at.branch.records[count - 1]?.end ?? 0) > lsn) count--;
  return { branch: at.branch, count };
}

/** Where a record stands in a log; null if it is not there. */
export function placeOf(tip: Tip, record: RulesetRecord): Tip | null {
  for (let at: Tip | null = tip; at !== null; at = at.branch.parent) {
    for (const index of at.branch.rulesets) {
      if (index < at.count && at.branch.records[index]?.ruleset === record)
        return { branch: at.branch, count: index + 1 };
    }
  }
  return null;
}

/** Where two logs part: the last place that both hold; null if they have nothing in common. */
export function lastShared(one: Tip, other: Tip): Tip | null {
  for (let a: Tip | null = one; a !== null; a = a.branch.parent) {
    for (let b: Tip | null = other; b !== null; b = b.branch.parent)
      if (a.branch === b.branch) return a.count < b.count ? a : b;
  }
  return null;
}
