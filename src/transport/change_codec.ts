/** What an operator asks of the rules, what is answered, and what a leader shows of them: proto ↔ core. */
import type { CohortOrder } from "../core/leader/ordered_cohort.js";
import type { ChangeShown, Enforced } from "../core/messages.js";
import type { ChangeRefusal, ChangeRefusalCode, ChangeResult } from "../core/ruleset/wanted.js";
import { EDGE_LIMITS } from "./edge_limits.js";
import { cut, list, Malformed, milliseconds, nodeId, text } from "./fields.js";
import type * as admin from "./gen/quorate/v1/admin.js";
import type * as wire from "./gen/quorate/v1/cluster.js";
import { numberToCore } from "./ruleset_codec.js";

/** Longer than anybody waits for a command, and what a timer can still count. */
const WAIT_MAX_MS = 24 * 3_600_000;

type Body<T> = Omit<T, "envelope">;

export function orderToWire({ join, remove, waitMs, cause }: CohortOrder): Body<admin.ChangeCohortRequest> {
  return { join: [...join], remove: [...remove], waitMs, cause: cut(cause) };
}

export function orderToCore(m: admin.ChangeCohortRequest): CohortOrder {
  const join = list(m.join, "join", EDGE_LIMITS.members, nodeId);
  const remove = list(m.remove, "remove", EDGE_LIMITS.members, nodeId);
  const named = [...join, ...remove];
  if (named.length === 0 || new Set(named).size !== named.length)
    throw new Malformed("join and remove name no node, or one twice");
  return {
    join,
    remove,
    waitMs: Math.min(milliseconds(m.waitMs, "wait_ms"), WAIT_MAX_MS),
    cause: text(m.cause, "cause"),
  };
}

type WireResult = NonNullable<admin.ChangeCohortResponse["result"]>;

export function resultToWire(result: ChangeResult): WireResult {
  switch (result.kind) {
    case "done":
      return { $case: "done", value: result.number };
    case "refused":
    case "voided":
      return { $case: result.kind, value: refusalToWire(result.refusal) };
    case "unknown":
      return { $case: "unknown", value: { reason: cut(result.reason), nextStep: cut(result.nextStep) } };
  }
}

export function resultToCore(result: WireResult): ChangeResult {
  switch (result.$case) {
    case "done":
      return { kind: "done", number: numberToCore(result.value, "done") };
    case "refused":
    case "voided":
      return { kind: result.$case, refusal: refusalToCore(result.value) };
    case "unknown": {
      const { reason, nextStep } = result.value;
      return { kind: "unknown", reason: text(reason, "reason"), nextStep: text(nextStep, "next_step") };
    }
  }
}

function refusalToWire({ code, reason, missing, nextStep }: ChangeRefusal): admin.ChangeRefusal {
  return { code, reason: cut(reason), missing: [...missing], nextStep: cut(nextStep) };
}

function refusalToCore({ code, reason, missing, nextStep }: admin.ChangeRefusal): ChangeRefusal {
  if (!Object.hasOwn(CODES, code)) throw new Malformed("code is none that this version knows");
  return {
    code: code as ChangeRefusalCode,
    reason: text(reason, "reason"),
    missing: list(missing, "missing", EDGE_LIMITS.members, nodeId),
    nextStep: text(nextStep, "next_step"),
  };
}

/** Every code, so that the compiler asks for a new one here as well. */
const CODES: Readonly<Record<ChangeRefusalCode, true>> = {
  not_leader: true,
  change_under_way: true,
  invalid_ruleset: true,
  member_unknown: true,
  not_enforceable: true,
  not_connected: true,
  lease_not_held: true,
  joint_rules_not_in_force: true,
  handover_under_way: true,
  paused: true,
};

export function changeToWire(change: ChangeShown | null): wire.ChangeShown | undefined {
  if (change === null) return undefined;
  const { stage, number, cause, cohort, waitsFor } = change;
  return { stage, number: number ?? undefined, cause: cut(cause), cohort: [...cohort], waitsFor: cut(waitsFor) };
}

export function changeToCore({ stage, number, cause, cohort, waitsFor }: wire.ChangeShown, field: string): ChangeShown {
  return {
    stage: text(stage, `${field}.stage`, EDGE_LIMITS.nameChars),
    number: number === undefined ? null : numberToCore(number, `${field}.number`),
    cause: text(cause, `${field}.cause`),
    cohort: list(cohort, `${field}.cohort`, EDGE_LIMITS.members, nodeId),
    waitsFor: text(waitsFor, `${field}.waits_for`),
  };
}

export function enforcedToWire(enforced: Enforced | null): wire.Enforced | undefined {
  return enforced === null ? undefined : { ...enforced, names: cut(enforced.names) };
}

export function enforcedToCore({ names, exact }: wire.Enforced, field: string): Enforced {
  return { names: text(names, `${field}.names`), exact };
}
