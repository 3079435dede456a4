import type { History } from "../core/log/history.js";
import { historyFault } from "../core/log/history.js";
import type { Member, Policy, Ruleset, RulesetNumber, RulesetRecord } from "../core/ruleset/ruleset.js";
import { EDGE_LIMITS } from "./edge_limits.js";
import { enumPair, leadableTerm, list, Malformed, nodeId, present, term, text, token } from "./fields.js";
import type * as wire from "./gen/quorate/v1/cluster.js";
import { RulesetState } from "./gen/quorate/v1/cluster.js";

/** Rulesets and histories, proto ↔ core. */

type Labels = Readonly<Record<string, string>>;

const STATE = enumPair<RulesetRecord["state"], RulesetState>({
  proposed: RulesetState.RULESET_STATE_PROPOSED,
  decided: RulesetState.RULESET_STATE_DECIDED,
  void: RulesetState.RULESET_STATE_VOID,
});

export function labelsToWire(labels: Labels): wire.Label[] {
  return Object.entries(labels).map(([key, value]) => ({ key, value }));
}

export function labelsToCore(labels: readonly wire.Label[], field: string): Labels {
  const entries = list(labels, field, EDGE_LIMITS.labels, ({ key, value }, at): [string, string] => [
    text(key, `${at}.key`, EDGE_LIMITS.nameChars),
    text(value, `${at}.value`, EDGE_LIMITS.nameChars),
  ]);
  if (new Set(entries.map(([key]) => key)).size !== entries.length) throw new Malformed(`${field} names a label twice`);
  return Object.fromEntries(entries);
}

function policyToWire(policy: Policy): wire.Policy {
  switch (policy.kind) {
    case "majority":
      return { rule: { $case: "majority", value: {} } };
    case "at_least":
      return { rule: { $case: "atLeast", value: { copies: policy.copies } } };
    case "per_leader":
      // No configuration leads here; half a policy on the wire would be judged by the half that arrived.
      throw new Error("a policy with quorums per leader has no form on the wire");
  }
}

function policyToCore(policy: wire.Policy | undefined, field: string): Policy {
  const rule = present(present(policy, field).rule, `${field} of a kind known here`);
  switch (rule.$case) {
    case "majority":
      return { kind: "majority" };
    case "atLeast": {
      const { copies } = rule.value;
      if (copies < 1 || copies > EDGE_LIMITS.members) throw new Malformed(`${field} wants ${copies} copies`);
      return { kind: "at_least", copies };
    }
  }
}

function memberToCore(member: wire.Member, field: string): Member {
  return {
    id: nodeId(member.id, `${field}.id`),
    incarnation: token(member.incarnation, `${field}.incarnation`),
    labels: labelsToCore(member.labels, `${field}.labels`),
    eligible: member.eligible,
  };
}

export function rulesetToWire(ruleset: Ruleset): wire.Ruleset {
  const cohort = ruleset.cohort.map(({ id, incarnation, labels, eligible }) => ({
    id,
    incarnation,
    labels: labelsToWire(labels),
    eligible,
  }));
  return { policy: policyToWire(ruleset.policy), cohort };
}

export function rulesetToCore(ruleset: wire.Ruleset | undefined, field: string): Ruleset {
  const { policy, cohort } = present(ruleset, field);
  const members = list(cohort, `${field}.cohort`, EDGE_LIMITS.members, memberToCore);
  if (members.length === 0) throw new Malformed(`${field}.cohort is empty`);
  // Rulesets are compared member by member in this order, so another order would be another ruleset.
  members.reduce((before, member) => {
    if (before.id >= member.id) throw new Malformed(`${field}.cohort: ${member.id} comes after ${before.id}`);
    return member;
  });
  return { policy: policyToCore(policy, `${field}.policy`), cohort: members };
}

export function numberToCore(number: wire.RulesetNumber | undefined, field: string): RulesetNumber {
  const { term: of, subterm } = present(number, field);
  return { term: term(of, `${field}.term`), subterm };
}

export function recordToWire(record: RulesetRecord): wire.RulesetRecord {
  return {
    number: record.number,
    state: STATE.toWire(record.state),
    ruleset: record.ruleset === null ? undefined : rulesetToWire(record.ruleset),
    writtenBy: record.writtenBy,
  };
}

function recordToCore(record: wire.RulesetRecord, field: string): RulesetRecord {
  const state = STATE.toCore(record.state, `${field}.state`);
  if (state === "proposed") present(record.ruleset, `${field}.ruleset of a proposal`);
  return {
    number: numberToCore(record.number, `${field}.number`),
    state,
    ruleset: record.ruleset === undefined ? null : rulesetToCore(record.ruleset, `${field}.ruleset`),
    writtenBy: nodeId(record.writtenBy, `${field}.written_by`),
  };
}

export function recordsToCore(records: readonly wire.RulesetRecord[], field: string): RulesetRecord[] {
  return list(records, field, EDGE_LIMITS.rulesetRecords, recordToCore);
}

export function historyToWire(history: History): wire.History {
  return { timeline: history.timeline, ancestors: [...history.ancestors] };
}

export function historyToCore(value: wire.History | undefined, field: string): History {
  const { timeline, ancestors } = present(value, field);
  const history = {
    timeline: leadableTerm(timeline, `${field}.timeline`),
    ancestors: list(ancestors, `${field}.ancestors`, EDGE_LIMITS.ancestors, (ancestor, at) => {
      if (ancestor.timeline === 0n) throw new Malformed(`${at} has no timeline`);
      return { timeline: term(ancestor.timeline, `${at}.timeline`), end: ancestor.end };
    }),
  };
  const fault = historyFault(history);
  if (fault !== undefined) throw new Malformed(`${field} is impossible: ${fault}`);
  return history;
}
