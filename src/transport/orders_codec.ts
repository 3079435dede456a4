/** What an operator orders, and what is answered, as bytes: proto ↔ core. */
import type {
  HandoverRefusal,
  HandoverRefusalCode,
  HandoverRequest,
  HandoverResult,
  PauseResult,
  RestartRefusal,
  RestartRefusalCode,
  RestartRequest,
  RestartResult,
} from "../core/orders.js";
import { EDGE_LIMITS } from "./edge_limits.js";
import { cut, leadableTerm, list, Malformed, milliseconds, nodeId, present, text } from "./fields.js";
import * as admin from "./gen/quorate/v1/admin.js";
import { type Codec, codec } from "./messages.js";
import { pauseToCore, pauseToWire } from "./pause_codec.js";

/** Longer than anybody waits for a command, and what a timer can still count. */
const DEADLINE_MAX_MS = 24 * 3_600_000;

export const handoverRequest: Codec<HandoverRequest> = codec(
  "order",
  admin.HandoverRequest,
  ({ to, deadlineMs, cause }) => ({ to: to ?? undefined, deadlineMs, cause: cut(cause) }),
  (m) => ({
    to: m.to === undefined ? null : nodeId(m.to, "to"),
    deadlineMs: Math.min(milliseconds(m.deadlineMs, "deadline_ms"), DEADLINE_MAX_MS),
    cause: text(m.cause, "cause"),
  }),
);

export const handoverResponse: Codec<HandoverResult> = codec(
  "answer to an order",
  admin.HandoverResponse,
  (result) => ({ result: resultToWire(result) }),
  (m) => resultToCore(present(m.result, "result")),
);

type WireResult = NonNullable<admin.HandoverResponse["result"]>;

function resultToWire(result: HandoverResult): WireResult {
  switch (result.kind) {
    case "done":
      return { $case: "done", value: { leader: result.leader, term: result.term } };
    case "refused":
      return { $case: "refused", value: refusalToWire(result.refusal) };
    case "failed":
      return { $case: "failed", value: { leader: result.leader, term: result.term, reason: cut(result.reason) } };
    case "unknown":
      return { $case: "unknown", value: { reason: cut(result.reason), nextStep: cut(result.nextStep) } };
  }
}

function resultToCore(result: WireResult): HandoverResult {
  switch (result.$case) {
    case "done":
      return {
        kind: "done",
        leader: nodeId(result.value.leader, "leader"),
        term: leadableTerm(result.value.term, "term"),
      };
    case "refused":
      return {
        kind: "refused",
        refusal: refusalToCore(result.value, codeOf(CODES)),
      };
    case "failed":
      return {
        kind: "failed",
        leader: nodeId(result.value.leader, "leader"),
        term: leadableTerm(result.value.term, "term"),
        reason: text(result.value.reason, "reason"),
      };
    case "unknown":
      return {
        kind: "unknown",
        reason: text(result.value.reason, "reason"),
        nextStep: text(result.value.nextStep, "next_step"),
      };
  }
}

/** Every code, so that the compiler asks for a new one here as well. */
const CODES: Readonly<Record<HandoverRefusalCode, true>> = {
  not_leader: true,
  handover_under_way: true,
  change_under_way: true,
  not_decided: true,
  target_unknown: true,
  target_not_eligible: true,
  target_leads: true,
  target_not_streaming: true,
  target_lags: true,
  target_without_vote: true,
  nobody_to_lead: true,
  not_possible: true,
  not_member: true,
  no_vote: true,
  no_cluster: true,
  stopping: true,
};

const RESTART_CODES: Readonly<Record<RestartRefusalCode, true>> = {
  ...CODES,
  restart_under_way: true,
  no_postgres: true,
  not_running: true,
  no_leader: true,
  commits_would_wait: true,
  followers_first: true,
  leads_now: true,
  not_looked: true,
  too_slow: true,
};

function codeOf<Code extends string>(codes: Readonly<Record<Code, true>>): (code: string) => Code {
  return (code) => {
    if (!Object.hasOwn(codes, code)) throw new Malformed("code is none that this version knows");
    return code as Code;
  };
}

function refusalToWire({ code, reason, missing, nextStep }: HandoverRefusal | RestartRefusal): admin.HandoverRefused {
  return { code, reason: cut(reason), missing: [...missing], nextStep: cut(nextStep) };
}

function refusalToCore<Code>(
  { code, reason, missing, nextStep }: admin.HandoverRefused,
  known: (code: string) => Code,
) {
  return {
    code: known(code),
    reason: text(reason, "reason"),
    missing: list(missing, "missing", EDGE_LIMITS.members, nodeId),
    nextStep: text(nextStep, "next_step"),
  };
}

export const restartRequest: Codec<RestartRequest> = codec(
  "order to restart",
  admin.RestartRequest,
  ({ force, pendingOnly, deadlineMs, cause }) => ({ force, pendingOnly, deadlineMs, cause: cut(cause) }),
  (m) => ({
    force: m.force,
    pendingOnly: m.pendingOnly,
    deadlineMs: Math.min(milliseconds(m.deadlineMs, "deadline_ms"), DEADLINE_MAX_MS),
    cause: text(m.cause, "cause"),
  }),
);

export const restartResponse: Codec<RestartResult> = codec(
  "answer to an order to restart",
  admin.RestartResponse,
  (result) => ({ result: restartToWire(result) }),
  (m) => restartToCore(present(m.result, "result")),
);

type WireRestart = NonNullable<admin.RestartResponse["result"]>;

function restartToWire(result: RestartResult): WireRestart {
  switch (result.kind) {
    case "done": {
      const { leader, term, handedOver } = result;
      return { $case: "done", value: { leader, term, handedOver } };
    }
    case "not_needed":
      return { $case: "notNeeded", value: {} };
    case "refused":
      return { $case: "refused", value: refusalToWire(result.refusal) };
    case "unknown":
      return { $case: "unknown", value: { reason: cut(result.reason), nextStep: cut(result.nextStep) } };
  }
}

function restartToCore(result: WireRestart): RestartResult {
  switch (result.$case) {
    case "done": {
      const { leader, term, handedOver } = result.value;
      return { kind: "done", leader: nodeId(leader, "leader"), term: leadableTerm(term, "term"), handedOver };
    }
    case "notNeeded":
      return { kind: "not_needed" };
    case "refused":
      return { kind: "refused", refusal: refusalToCore(result.value, codeOf(RESTART_CODES)) };
    case "unknown": {
      const { reason, nextStep } = result.value;
      return { kind: "unknown", reason: text(reason, "reason"), nextStep: text(nextStep, "next_step") };
    }
  }
}

export const setPauseRequest: Codec<boolean> = codec(
  "order to pause or resume",
  admin.SetPauseRequest,
  (paused) => ({ paused }),
  (m) => m.paused,
);

export const setPauseResponse: Codec<PauseResult> = codec(
  "answer to an order to pause or resume",
  admin.SetPauseResponse,
  ({ pause }) => ({ pause: pauseToWire(pause) }),
  (m) => ({ pause: pauseToCore(present(m.pause, "pause"), "pause") }),
);
