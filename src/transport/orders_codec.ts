/** What an operator orders, and what is answered, as bytes: proto ↔ core. */
import type { HandoverRefusalCode, HandoverRequest, HandoverResult, PauseResult } from "../core/orders.js";
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
    case "refused": {
      const { code, reason, missing, nextStep } = result.refusal;
      return { $case: "refused", value: { code, reason: cut(reason), missing: [...missing], nextStep: cut(nextStep) } };
    }
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
        refusal: {
          code: codeToCore(result.value.code),
          reason: text(result.value.reason, "reason"),
          missing: list(result.value.missing, "missing", EDGE_LIMITS.members, nodeId),
          nextStep: text(result.value.nextStep, "next_step"),
        },
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

function codeToCore(code: string): HandoverRefusalCode {
  if (!Object.hasOwn(CODES, code)) throw new Malformed("code is none that this version knows");
  return code as HandoverRefusalCode;
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
