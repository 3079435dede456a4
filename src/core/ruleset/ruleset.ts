import { unreachable } from "../assert.js";
import type { Term } from "../log/position.js";

/** A node's name: `[a-z][a-z0-9-]{0,39}`. */
export type NodeId = string;

/**
 * Drawn when a node's state file is created. Rulesets name incarnations, so a wiped node
 * that comes back under its old name is a stranger (DESIGN 2).
 */
export type Incarnation = string;

/** How many copies, the leader's own included, make a write durable. */
export type CountingPolicy = { readonly kind: "majority" } | { readonly kind: "at_least"; readonly copies: number };

/** For each leader the sets of followers any one of which, whole, makes a write durable with it; nobody else may lead. */
export interface PerLeaderPolicy {
  readonly kind: "per_leader";
  readonly quorums: Readonly<Record<NodeId, readonly (readonly NodeId[])[]>>;
}

/** When a set of nodes holds a copy. Configuration files, the wire and the history in the WAL know the counting ones only. */
export type Policy = CountingPolicy | PerLeaderPolicy;

export interface Member {
  readonly id: NodeId;
  readonly incarnation: Incarnation;
  readonly labels: Readonly<Record<string, string>>;
  /** Whether this member may lead. */
  readonly eligible: boolean;
}

/** Whose copies count, and how many of them are enough. */
export interface Ruleset {
  readonly policy: Policy;
  /** Sorted by id. */
  readonly cohort: readonly Member[];
}

export interface RulesetNumber {
  readonly term: Term;
  readonly subterm: number;
}

/** One row of the append-only history in the WAL. `ruleset` is null for marks (decided, void). */
export interface RulesetRecord {
  readonly number: RulesetNumber;
  readonly state: "proposed" | "decided" | "void";
  readonly ruleset: Ruleset | null;
  readonly writtenBy: NodeId;
}

export interface InitialNode {
  readonly id: NodeId;
  readonly labels: Readonly<Record<string, string>>;
  /** Keeps WAL and promises, counts as a copy, never leads. */
  readonly witness?: boolean;
}

/** What a configuration file says a new cluster starts with; incarnations are learned from the nodes. */
export interface InitialRuleset {
  readonly policy: Policy;
  readonly nodes: readonly InitialNode[];
  /** An operator's word that the cluster exists: this node founds none, and none is founded with it (DESIGN 8). */
  readonly founded?: boolean;
}

export function compareNumbers(a: RulesetNumber, b: RulesetNumber): number {
  if (a.term !== b.term) return a.term < b.term ? -1 : 1;
  return a.subterm - b.subterm;
}

export function memberOf(ruleset: Ruleset, id: NodeId): Member | undefined {
  return ruleset.cohort.find((member) => member.id === id);
}

/** The member of this name in the first of several rulesets that has one. */
export function memberAmong(rulesets: readonly Ruleset[], id: NodeId): Member | undefined {
  for (const ruleset of rulesets) {
    const member = memberOf(ruleset, id);
    if (member !== undefined) return member;
  }
  return undefined;
}

/** Whether two rulesets say the same. Cohorts are sorted by id, labels by nothing: they are compared as maps. */
export function sameRuleset(a: Ruleset, b: Ruleset): boolean {
  if (a === b) return true;
  return (
    samePolicy(a.policy, b.policy) &&
    a.cohort.length === b.cohort.length &&
    a.cohort.every((m, i) => sameMember(m, b.cohort[i]))
  );
}

function samePolicy(a: Policy, b: Policy): boolean {
  return a.kind === b.kind && policyText(a) === policyText(b);
}

/** One text of all policies that say the same: `majority`, `at_least 2`, `n1:n2+n3 n4:n5|n6`. */
export function policyText(policy: Policy): string {
  switch (policy.kind) {
    case "majority":
      return "majority";
    case "at_least":
      return `at_least ${policy.copies}`;
    case "per_leader":
      return Object.entries(policy.quorums)
        .map(
          ([leader, sets]) =>
            `${leader}:${[...new Set(sets.map((set) => [...new Set(set)].sort().join("+")))].sort().join("|")}`,
        )
        .sort()
        .join(" ");
    default:
      return unreachable(policy);
  }
}

function sameMember(a: Member, b: Member | undefined): boolean {
  if (b === undefined) return false;
  return (
    a.id === b.id && a.incarnation === b.incarnation && a.eligible === b.eligible && sameLabels(a.labels, b.labels)
  );
}

function sameLabels(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}

/** A configuration is fixed while its sidecar runs, and its text is part of every status. */
const initialTexts = new WeakMap<InitialRuleset, string>();

/** Instead of it, of a node that knows that the cluster exists: no other one is equal to it. */
export const FOUNDS_NOTHING = "founded already";

/** One canonical text of an initial ruleset: nodes found a cluster only if theirs are equal (DESIGN 8). */
export function initialRulesetText(initial: InitialRuleset): string {
  const known = initialTexts.get(initial);
  if (known !== undefined) return known;
  const text = textOf(initial);
  initialTexts.set(initial, text);
  return text;
}

function textOf(initial: InitialRuleset): string {
  const nodes = [...initial.nodes].sort((a, b) => (a.id < b.id ? -1 : 1));
  const labels = (l: Readonly<Record<string, string>>) =>
    Object.keys(l)
      .sort()
      .map((k) => `${k}=${JSON.stringify(l[k])}`)
      .join(",");
  return `${policyText(initial.policy)}; ${nodes.map((n) => `${n.id}${n.witness === true ? "!" : ""}{${labels(n.labels)}}`).join(" ")}`;
}

/** The nodes of such a text; null if it founds nothing. For people: nothing is decided by it. */
export function foundersNamed(text: string): NodeId[] | null {
  if (text === FOUNDS_NOTHING) return null;
  const nodes = text.slice(text.indexOf("; ") + 2).replace(/"(?:[^"\\]|\\.)*"/g, "");
  return [...nodes.matchAll(/(?:^| )([a-z][a-z0-9-]*)!?\{/g)].map(([, id]) => id ?? "");
}
