/**
 * Discovery and choice: from answers to the one proposal that is safe, or the reason why there is none.
 * The pre-vote asks it about statuses, the real thing about promises: one function, so they cannot differ.
 */
import type { Position } from "../log/position.js";
import { comparePositions, isEmptyPosition, POSITION_EMPTY } from "../log/position.js";
import type { Blocked } from "../messages.js";
import { carries, missingFor, revokes } from "../quorum/sufficiency.js";
import { compileNative } from "../quorum/sync_standby_names.js";
import type { InForce } from "../ruleset/in_force.js";
import { inForce } from "../ruleset/in_force.js";
import type { Incarnation, InitialRuleset, NodeId, Ruleset, RulesetNumber, RulesetRecord } from "../ruleset/ruleset.js";
import { FOUNDS_NOTHING, initialRulesetText, memberOf } from "../ruleset/ruleset.js";
import { ifVoid, writersMissing } from "./void.js";

/** One node's part in a recruitment. */
export interface Answer {
  readonly id: NodeId;
  readonly incarnation: Incarnation;
  readonly position: Position;
  readonly rulesets: readonly RulesetRecord[];
  readonly voter: boolean;
  readonly systemIdentifier: string | null;
  readonly initial: string;
}

export interface Proposal {
  readonly candidate: NodeId;
  /** The newest one: the candidate is promoted at exactly this position. */
  readonly position: Position;
  /** The newest log lies on nodes that cannot lead: the candidate takes it from this one first. Null if it has it. */
  readonly catchUpFrom: NodeId | null;
  /** Every ruleset the recruitment had to satisfy. */
  readonly obliged: readonly Ruleset[];
  readonly ruleset: Ruleset;
  /** The newest of the proposals that this recruitment proved void; null if it takes the log as it is. */
  readonly voids: RulesetNumber | null;
  readonly founding: boolean;
  readonly recruited: readonly NodeId[];
}

/** A catch-up that came to nothing: of the source (it has removed the WAL, or went away) or of the candidate. */
export interface FailedCatchUp {
  readonly candidate: NodeId;
  readonly source: NodeId;
}

export type Decision =
  | { readonly ok: true; readonly proposal: Proposal }
  | { readonly ok: false; readonly blocked: Blocked };

/**
 * @param prefer orders candidates with equal positions, the best first.
 * @param failed those who could not catch up, and from whom, when they were asked to.
 * @param fits whom an operator lets lead; it only ever takes candidates away.
 */
export function decide(
  answers: readonly Answer[],
  initial: InitialRuleset,
  prefer: (a: NodeId, b: NodeId) => number,
  failed: readonly FailedCatchUp[] = [],
  fits: (id: NodeId) => boolean = () => true,
): Decision {
  const voters = answers.filter((a) => a.voter);
  const withData = voters.filter((a) => !isEmptyPosition(a.position));
  if (withData.length === 0) return found(voters, initial, prefer);
  const systems = [...new Set(withData.map((a) => a.systemIdentifier))];
  if (systems.length > 1) {
    return blocked(
      "mixed_clusters",
      `the nodes hold data of different systems: ${withData.map((a) => `${a.id} of ${a.systemIdentifier}`).join(", ")}`,
      [],
      "move the directory that does not belong here aside, then start its node again",
    );
  }
  // For the newest position p in a recruitment, the largest set with no newer position is the best: both conditions
  // are monotone, and everybody who stands at p has the same log. So trying every p tries every subset of the answers.
  let first: Decision | undefined;
  for (const position of distinctPositions(withData)) {
    const recruited = voters.filter((a) => comparePositions(a.position, position) <= 0);
    const decision = decideAt(position, recruited, { prefer, failed, fits });
    if (decision.ok) return decision;
    first ??= decision;
  }
  return first ?? blocked("nobody", "no node answered", [], "start the nodes");
}

interface Choice {
  readonly prefer: (a: NodeId, b: NodeId) => number;
  readonly failed: readonly FailedCatchUp[];
  readonly fits: (id: NodeId) => boolean;
}

function distinctPositions(answers: readonly Answer[]): Position[] {
  const sorted = answers.map((a) => a.position).sort((a, b) => comparePositions(b, a));
  return sorted.filter((p, i) => i === 0 || comparePositions(p, sorted[i - 1] ?? POSITION_EMPTY) !== 0);
}

function decideAt(position: Position, recruited: readonly Answer[], wish: Choice): Decision {
  const newest = recruited.filter((a) => comparePositions(a.position, position) === 0);
  const rules = inForce(newest[0]?.rulesets ?? []);
  if (rules === undefined)
    return blocked("no_ruleset", "the newest log holds no ruleset", [], "this is a defect: please report it");
  const asIs = choose(rules, null, position, recruited, wish);
  if (asIs !== null) return { ok: true, proposal: asIs };
  // What was found is finished if it can be, if need be after a catch-up; else it is void, if that can be proved.
  const voided = ifVoid(rules, recruited);
  const without = voided === null ? null : choose(voided, rules.newestNumber, position, recruited, wish);
  if (without !== null) return { ok: true, proposal: without };
  return explain(rules, recruited, newest);
}

function choose(
  rules: InForce,
  voids: RulesetNumber | null,
  position: Position,
  recruited: readonly Answer[],
  { prefer, failed, fits }: Choice,
): Proposal | null {
  const failures = (id: NodeId) => failed.filter(({ candidate }) => candidate === id).length;
  // Another candidate is tried before another source: what failed may have failed by the candidate.
  const inOrder = [...recruited].sort(
    (a, b) => failures(a.id) - failures(b.id) || comparePositions(b.position, a.position) || prefer(a.id, b.id),
  );
  const sources = inOrder.filter((answer) => comparePositions(answer.position, position) === 0).map(({ id }) => id);
  for (const answer of inOrder) {
    const candidate = answer.id;
    const source = sources.includes(candidate) ? null : sources.find((id) => !hasFailed(failed, candidate, id));
    // An empty node would need a clone, which is no way to be promoted at exactly this position.
    if (source === undefined || (source !== null && isEmptyPosition(answer.position))) continue;
    if (!fits(candidate) || !mayLead(rules.newest, answer)) continue;
    if (!sufficesByIncarnation(rules, recruited, candidate)) continue;
    if (!compileNative(rules.all, candidate).ok) continue;
    const ids = recruited.map((a) => a.id).sort();
    return {
      ...{ candidate, position, catchUpFrom: source },
      ...{ obliged: rules.obliged, ruleset: rules.newest, voids, founding: false, recruited: ids },
    };
  }
  return null;
}

function hasFailed(failed: readonly FailedCatchUp[], candidate: NodeId, source: NodeId): boolean {
  return failed.some((tried) => tried.candidate === candidate && tried.source === source);
}

function mayLead(ruleset: Ruleset, answer: Answer): boolean {
  const member = memberOf(ruleset, answer.id);
  return member?.eligible === true && member.incarnation === answer.incarnation;
}

/** Rulesets name incarnations: a wiped node that came back under its name is counted in none that knew it before (hole H8). */
function sufficesByIncarnation(rules: InForce, recruited: readonly Answer[], candidate: NodeId): boolean {
  return rules.all.every((ruleset) => {
    const known = membersAmong(ruleset, recruited);
    // A candidate that is no member there needs a quorum of somebody who is (DESIGN 4); under another incarnation it is
    // a member that nobody may count.
    const withCandidate = memberOf(ruleset, candidate) === undefined ? new Set([...known, candidate]) : known;
    return revokes(ruleset, known) && carries(ruleset, withCandidate, candidate);
  });
}

function membersAmong(ruleset: Ruleset, recruited: readonly Answer[]): Set<NodeId> {
  return new Set(recruited.filter((a) => memberOf(ruleset, a.id)?.incarnation === a.incarnation).map((a) => a.id));
}

function explain(rules: InForce, recruited: readonly Answer[], newest: readonly Answer[]): Decision {
  const known = membersAmong(rules.newest, recruited);
  const strangers = recruited
    .filter((a) => memberOf(rules.newest, a.id) !== undefined && !known.has(a.id))
    .map((a) => a.id);
  if (strangers.length > 0) {
    return blocked(
      "wiped_node",
      `${strangers.join(", ")} came back without the data and promises it had: under its old name it would count copies it no longer holds`,
      strangers,
      "start the other nodes: a leader puts it in its old place by itself; without them, bring back its old data and state directories",
    );
  }
  const additions = missingBeside(rules, known);
  if (additions.length > 0 && (additions[0]?.length ?? 0) > 0) {
    const missing = [...new Set(additions.flat())].sort();
    const sets = additions.map((a) => a.join(" and ")).join(", or ");
    const writers = writersMissing(rules, recruited);
    const instead =
      writers.length === 0
        ? ""
        : `; or start ${writers.join(" and ")}, who proposed rules that are not decided: unmarked there, they are void`;
    return blocked(
      "not_enough",
      `${recruited.map((a) => a.id).join(", ") || "nobody"} cannot prove that nothing acknowledged is lost without ${sets}`,
      missing,
      `start ${sets}${instead}`,
    );
  }
  return blocked(
    "needs_catch_up",
    `the newest log is on ${newest.map((a) => a.id).join(", ")}, which may not lead, and nobody else who answered could take it from there and lead`,
    newest.map((a) => a.id),
    "start the other nodes, so that one with this log can lead",
  );
}

/** Whoever is blocked asks after every event, and neither the rules nor those who answer change often. */
const missingKnown = new WeakMap<InForce, Map<string, NodeId[][]>>();

function missingBeside(rules: InForce, known: ReadonlySet<NodeId>): NodeId[][] {
  const byKnown = missingKnown.get(rules) ?? new Map<string, NodeId[][]>();
  missingKnown.set(rules, byKnown);
  const key = [...known].sort().join();
  const additions = byKnown.get(key) ?? missingFor(rules.all, known);
  byKnown.set(key, additions);
  return additions;
}

/** A new cluster needs all its nodes, all empty, all with the same initial ruleset (DESIGN 8, hole H9). */
function found(voters: readonly Answer[], initial: InitialRuleset, prefer: (a: NodeId, b: NodeId) => number): Decision {
  const missing = initial.nodes.map((n) => n.id).filter((id) => !voters.some((a) => a.id === id));
  const told = voters.filter((a) => a.initial === FOUNDS_NOTHING).map((a) => a.id);
  if (told.length > 0) return existsAlready(told, missing);
  if (missing.length > 0) {
    return blocked(
      "founding_incomplete",
      `a new cluster is founded by all of its nodes at once; waiting for ${missing.join(", ")}`,
      missing,
      `start ${missing.join(" and ")}`,
    );
  }
  const text = initialRulesetText(initial);
  const different = voters.filter((a) => a.initial !== text).map((a) => a.id);
  if (different.length > 0) {
    return blocked(
      "different_configuration",
      `${different.join(", ")} was started with another policy or other nodes than this one`,
      different,
      "put the same configuration file on every host and start again",
    );
  }
  const cohort = initial.nodes
    .map((n) => ({
      id: n.id,
      labels: n.labels,
      eligible: n.witness !== true,
      incarnation: voters.find((a) => a.id === n.id)?.incarnation ?? "",
    }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  const ruleset: Ruleset = { policy: initial.policy, cohort };
  const ids = cohort.map((m) => m.id);
  const candidate = cohort
    .filter((m) => m.eligible)
    .map((m) => m.id)
    .sort(prefer)[0];
  if (candidate === undefined)
    return blocked("nobody", "the configuration names no node that may lead", [], "name the nodes");
  return {
    ok: true,
    proposal: {
      candidate,
      position: POSITION_EMPTY,
      catchUpFrom: null,
      obliged: [ruleset],
      ruleset,
      voids: null,
      founding: true,
      recruited: ids,
    },
  };
}

/** All that answer are empty, and one of them knows that there is a cluster: the data is elsewhere. */
function existsAlready(told: readonly NodeId[], missing: readonly NodeId[]): Decision {
  return blocked(
    "founded_already",
    `nobody who answers holds the data, and ${told.join(" and ")} ${told.length > 1 ? "know" : "knows"} that the cluster exists (founded: true in the file, or seen before): no other one is founded`,
    missing,
    `start ${[...missing, "a node that holds the data"].join(" or ")}. If there is none any more: remove the state directories and \`founded: true\` from the files, to begin anew`,
  );
}

function blocked(code: string, reason: string, missing: readonly NodeId[], nextStep: string): Decision {
  return { ok: false, blocked: { code, reason, missing, nextStep } };
}
