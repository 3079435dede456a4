import { decodeBigintJson, encodeBigintJson } from "../core/bigint_json.js";
import { NEVER_PAUSED } from "../core/orders.js";
import type { Durable } from "../core/state.js";
import type { StateCodec } from "./state_format.js";

/** The node's durable word as text. Whatever `encode` cannot have written is refused, never guessed at. */
export const durableCodec: StateCodec<Durable> = {
  encode: (durable) => encodeBigintJson(durable),
  decode: (text, format) => {
    const value = upgraded(decodeBigintJson(text), format);
    if (!isDurable(value)) throw new SyntaxError("the payload is not a node's durable state");
    return value;
  },
};

function upgraded(value: unknown, format: number): unknown {
  if (!isRecord(value)) return value;
  const since2 = format < 2 ? { ...value, ...KEPT_SINCE_2 } : value;
  return format < 3 ? { ...since2, ...KEPT_SINCE_3 } : since2;
}

/** What was promised before was not kept, so nothing is said of it. */
const KEPT_SINCE_2 = Object.freeze({ promises: [], nonVoter: false });

/** Before, there were no orders to pause. */
const KEPT_SINCE_3 = Object.freeze({ pause: NEVER_PAUSED });

function isDurable(value: unknown): value is Durable {
  if (!isRecord(value) || !isRecord(value.promise) || !Array.isArray(value.promises)) return false;
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
    value.promises.every((made) => isRecord(made) && typeof made.term === "bigint" && typeof made.boot === "string") &&
    typeof value.nonVoter === "boolean" &&
    typeof value.promotionStarted === "bigint" &&
    typeof value.founding === "bigint" &&
    typeof value.joining === "bigint" &&
    typeof value.held === "boolean" &&
    (value.leaseMs === undefined || typeof value.leaseMs === "number") &&
    (value.sawCluster === undefined || typeof value.sawCluster === "boolean") &&
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
