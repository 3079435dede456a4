import { decodeBigintJson, encodeBigintJson } from "../core/bigint_json.js";
import { NEVER_PAUSED } from "../core/orders.js";
import type { Durable } from "../core/state.js";
import type { StateCodec } from "./state_format.js";

/** The node's durable word as text. Whatever `encode` cannot have written is refused, never guessed at. */
export const durableCodec: StateCodec<Durable> = {
  encode: (durable) => encodeBigintJson(durable),
  decode: (text) => {
    const value = upgraded(decodeBigintJson(text));
    if (!isDurable(value)) throw new SyntaxError("the payload is not a node's durable state");
    return value;
  },
};

/** A file from before there were orders to pause knows of none. */
function upgraded(value: unknown): unknown {
  return isRecord(value) && value.pause === undefined ? { ...value, pause: NEVER_PAUSED } : value;
}

function isDurable(value: unknown): value is Durable {
  if (!isRecord(value) || !isRecord(value.promise)) return false;
  const { attempt, term } = value.promise;
  const attemptFits =
    attempt === null || (isRecord(attempt) && typeof attempt.node === "string" && typeof attempt.nonce === "string");
  return (
    typeof value.cluster === "string" &&
    typeof value.node === "string" &&
    typeof value.incarnation === "string" &&
    (value.systemIdentifier === null || typeof value.systemIdentifier === "string") &&
    typeof term === "bigint" &&
    attemptFits &&
    typeof value.promotionStarted === "bigint" &&
    typeof value.founding === "bigint" &&
    typeof value.joining === "bigint" &&
    typeof value.held === "boolean" &&
    isPause(value.pause)
  );
}

function isPause(value: unknown): boolean {
  return (
    isRecord(value) &&
    typeof value.paused === "boolean" &&
    Number.isSafeInteger(value.number) &&
    typeof value.by === "string"
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
