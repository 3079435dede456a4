import { assert } from "../assert.js";
import type { NodeId, Ruleset, RulesetNumber, RulesetRecord } from "./ruleset.js";
import { compareNumbers, sameRuleset } from "./ruleset.js";

/** What a log's ruleset records oblige everybody to. */
export interface InForce {
  /** The ruleset last marked decided. */
  readonly decided: Ruleset;
  readonly decidedNumber: RulesetNumber;
  /** The same, with who wrote it. */
  readonly base: Pending;
  /** The ruleset that a new leader proposes again: the last one that is not void. */
  readonly newest: Ruleset;
  readonly newestNumber: RulesetNumber;
  readonly newestDecided: boolean;
  /** What was proposed after the decided one and is neither marked nor void, oldest first. */
  readonly pending: readonly Pending[];
  /**
   * The decided one and every later one that is not void, without repetitions of the same content:
   * a recruitment must satisfy each of them (DESIGN 5.3), and so must every commit meanwhile (I7).
   */
  readonly obliged: readonly Ruleset[];
  /** Those, and the newest as the last of them: what whoever is elected must satisfy and enforce. */
  readonly all: readonly Ruleset[];
}

/** A proposal: without a mark, but for the last decided one. */
export interface Pending {
  readonly number: RulesetNumber;
  readonly ruleset: Ruleset;
  readonly writtenBy: NodeId;
}

/** Everybody asks after every event, about lists that seldom change: each is read once. */
const readBefore = new WeakMap<readonly RulesetRecord[], { readonly rules: InForce | undefined }>();

/**
 * Reads a log's records, oldest first. A log's first ruleset counts as decided (DESIGN 8).
 * Undefined for a log without any ruleset: such a log counts as empty.
 */
export function inForce(records: readonly RulesetRecord[]): InForce | undefined {
  const before = readBefore.get(records);
  if (before !== undefined) return before.rules;
  const rules = readRecords(records);
  readBefore.set(records, { rules });
  return rules;
}

function readRecords(records: readonly RulesetRecord[]): InForce | undefined {
  let decided: Pending | undefined;
  let pending: Pending[] = [];
  for (const record of records) {
    switch (record.state) {
      case "proposed": {
        assert(record.ruleset !== null, "a proposed record carries its ruleset");
        // A leader that did not see its own write return writes the same record again.
        const known = [...(decided === undefined ? [] : [decided]), ...pending];
        if (known.some((k) => compareNumbers(k.number, record.number) === 0)) break;
        const proposal = { number: record.number, ruleset: record.ruleset, writtenBy: record.writtenBy };
        if (decided === undefined) decided = proposal;
        else pending.push(proposal);
        break;
      }
      case "decided": {
        const at = pending.findIndex((p) => compareNumbers(p.number, record.number) === 0);
        const marked = pending[at];
        if (marked !== undefined) {
          decided = marked;
          pending = pending.slice(at + 1);
        }
        break;
      }
      case "void":
        // That one and what was proposed before it; a leader that voids what it found has proposed its own before.
        pending = pending.filter((p) => compareNumbers(p.number, record.number) > 0);
        break;
    }
  }
  if (decided === undefined) return undefined;
  const newest = pending.at(-1) ?? decided;
  const rules = {
    decided: decided.ruleset,
    decidedNumber: decided.number,
    base: decided,
    newest: newest.ruleset,
    newestNumber: newest.number,
    newestDecided: newest === decided,
    pending,
    obliged: distinct([decided, ...pending].map((p) => p.ruleset)),
  };
  return { ...rules, all: [...rules.obliged, rules.newest] };
}

/**
 * The records that still oblige anybody: the proposal last decided, and the later ones that are not void. What nodes tell
 * one another, since a history grows by two records with each term. `inForce` says the same of both.
 */
export function compact(records: readonly RulesetRecord[]): readonly RulesetRecord[] {
  const before = compactBefore.get(records);
  if (before !== undefined) return before;
  const kept = compactly(records);
  compactBefore.set(records, kept);
  return kept;
}

/** The same list again gives the same list again, so that whoever looks for changes sees none. */
const compactBefore = new WeakMap<readonly RulesetRecord[], readonly RulesetRecord[]>();

function compactly(records: readonly RulesetRecord[]): readonly RulesetRecord[] {
  const rules = inForce(records);
  if (rules === undefined) return [];
  return [rules.base, ...rules.pending].map(({ number, ruleset, writtenBy }) => ({
    ...{ number, state: "proposed" as const, ruleset, writtenBy },
  }));
}

/**
 * What a table must hold before another record is added to it, or that one would be taken for what it is not: a log's first
 * ruleset counts as decided. The mark stands behind the decided one, so that these records, written behind whatever is left
 * of them, say the same as before.
 */
export function standing(records: readonly RulesetRecord[]): readonly RulesetRecord[] {
  const [decided, ...pending] = compact(records);
  if (decided === undefined) return [];
  return [decided, { ...decided, state: "decided", ruleset: null }, ...pending];
}

function distinct(rulesets: readonly Ruleset[]): Ruleset[] {
  const kept: Ruleset[] = [];
  for (const ruleset of rulesets) if (!kept.some((k) => sameRuleset(k, ruleset))) kept.push(ruleset);
  return kept;
}
