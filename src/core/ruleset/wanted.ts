/** What an operator may ask of the rules, and the ruleset that follows from it (DESIGN 6): pure, and refused with reasons. */

import { COHORT_MAX } from "../limits.js";
import { copiesNeeded } from "../quorum/policy.js";
import { compileExactly } from "../quorum/sync_standby_names.js";
import type { Incarnation, Member, NodeId, Policy, Ruleset, RulesetNumber } from "./ruleset.js";
import { memberOf, sameRuleset } from "./ruleset.js";

export interface ChangeRequest {
  /** Null: as it is. */
  readonly policy: Policy | null;
  /** The whole new cohort; null: as it is. */
  readonly cohort: readonly WantedMember[] | null;
  /** How long to wait for the new quorum to be connected and caught up, in ms; 0 to be refused at once. */
  readonly waitMs: number;
  /** Why, for the history. */
  readonly cause: string;
}

/** A member of the new cohort. Null stands for what it is now: of a node that is new, for what it shows. */
export interface WantedMember {
  readonly id: NodeId;
  /** Another one than now: a wiped node is put in its old place. */
  readonly incarnation: Incarnation | null;
  readonly labels: Readonly<Record<string, string>> | null;
  /** A new node may lead unless this says no. */
  readonly eligible: boolean | null;
}

export type ChangeRefusalCode =
  | "not_leader"
  | "change_under_way"
  | "handover_under_way"
  | "paused"
  | "invalid_ruleset"
  | "member_unknown"
  | "not_enforceable"
  | "not_connected"
  | "lease_not_held"
  | "joint_rules_not_in_force";

export interface ChangeRefusal {
  readonly code: ChangeRefusalCode;
  readonly reason: string;
  readonly missing: readonly NodeId[];
  readonly nextStep: string;
}

export type ChangeResult =
  | { readonly kind: "done"; readonly number: RulesetNumber }
  /** Nothing was written. */
  | { readonly kind: "refused"; readonly refusal: ChangeRefusal }
  /** It was written, or may have been, and its void is durable: nobody ever decides it. */
  | { readonly kind: "voided"; readonly refusal: ChangeRefusal }
  /** The leader left office before the mark or the void was durable: its successor finishes the change or voids it. */
  | { readonly kind: "unknown"; readonly reason: string; readonly nextStep: string };

export type Wanted =
  | { readonly ok: true; readonly ruleset: Ruleset }
  /** `passing`: it may be otherwise in a moment, so waiting makes sense. */
  | { readonly ok: false; readonly refusal: ChangeRefusal; readonly passing: boolean };

/** @param shown the incarnation that a node of this name shows now; undefined if it is not heard. */
export function rulesetWanted(
  current: Ruleset,
  request: Pick<ChangeRequest, "policy" | "cohort">,
  shown: (id: NodeId) => Incarnation | undefined,
): Wanted {
  const cohort: Member[] = [];
  for (const wanted of request.cohort ?? []) {
    const old = memberOf(current, wanted.id);
    const seen = shown(wanted.id);
    const incarnation = wanted.incarnation ?? old?.incarnation ?? seen;
    if (incarnation === undefined || (incarnation !== old?.incarnation && incarnation !== seen))
      return unknownMember(wanted.id, incarnation, seen);
    cohort.push({
      id: wanted.id,
      incarnation,
      labels: wanted.labels ?? old?.labels ?? {},
      eligible: wanted.eligible ?? old?.eligible ?? true,
    });
  }
  cohort.sort((a, b) => (a.id < b.id ? -1 : 1));
  const ruleset: Ruleset = {
    policy: request.policy ?? current.policy,
    cohort: request.cohort === null ? current.cohort : cohort,
  };
  if (sameRuleset(ruleset, current)) return { ok: true, ruleset: current };
  const fault = faultOf(ruleset);
  return fault === null ? { ok: true, ruleset } : { ok: false, refusal: fault, passing: false };
}

function unknownMember(id: NodeId, wanted: Incarnation | undefined, seen: Incarnation | undefined): Wanted {
  const reason =
    seen === undefined
      ? `${id} is in no ruleset in force and is not heard, so its incarnation is not known`
      : `${id} shows incarnation ${seen}, not ${wanted}`;
  return {
    ok: false,
    passing: true,
    refusal: {
      code: "member_unknown",
      reason,
      missing: [id],
      nextStep:
        seen === undefined ? `start the sidecar of ${id}` : `ask for incarnation ${seen}, or bring the other back`,
    },
  };
}

/** Why nobody could lead under this ruleset, or not everybody whom it lets lead. */
function faultOf(ruleset: Ruleset): ChangeRefusal | null {
  const { cohort, policy } = ruleset;
  const invalid = (reason: string, nextStep: string): ChangeRefusal => ({
    code: "invalid_ruleset",
    reason,
    missing: [],
    nextStep,
  });
  const twice = cohort.find((m, i) => cohort[i - 1]?.id === m.id);
  if (twice !== undefined) return invalid(`${twice.id} is named twice`, "name each node once");
  if (cohort.length > COHORT_MAX)
    return invalid(`a cohort of ${cohort.length} nodes is above the limit of ${COHORT_MAX}`, "name fewer nodes");
  if (!cohort.some((m) => m.eligible)) return invalid("no node of it may lead", "let at least one node lead");
  const fault = faultOfPolicy(policy, cohort);
  if (fault !== null) return invalid(fault.reason, fault.nextStep);
  for (const { id, eligible } of cohort) {
    const compiled = eligible ? compileExactly([ruleset], id) : null;
    if (compiled === null || compiled.ok) continue;
    return {
      code: "not_enforceable",
      reason: `Postgres cannot be told to wait for it: ${compiled.reason}`,
      missing: [],
      nextStep: "ask for a policy that needs a copy on at least one follower",
    };
  }
  return null;
}

function faultOfPolicy(policy: Policy, cohort: readonly Member[]): { reason: string; nextStep: string } | null {
  if (policy.kind === "per_leader") {
    const named = new Set(Object.entries(policy.quorums).flatMap(([leader, sets]) => [leader, ...sets.flat()]));
    const foreign = [...named].filter((id) => !cohort.some((m) => m.id === id)).sort();
    if (foreign.length === 0) return null;
    return {
      reason: `the policy names ${foreign.join(", ")}, not of this cohort`,
      nextStep: "ask for a policy over the nodes of the new cohort in the same change",
    };
  }
  const copies = copiesNeeded(policy, cohort.length);
  if (Number.isInteger(copies) && copies >= 1 && copies <= cohort.length) return null;
  return {
    reason: `${copies} copies cannot be kept on ${cohort.length} nodes`,
    nextStep: `ask for 2 to ${cohort.length} copies, or for more nodes`,
  };
}
