import type { PostgresAction } from "../../src/core/effects.js";
import { formatPosition } from "../../src/core/log/position.js";
import type {
  CatchUpRequest,
  CatchUpResult,
  FollowRequest,
  FollowResult,
  PromoteRequest,
  PromoteResult,
  RecruitRequest,
  RecruitResult,
} from "../../src/core/messages.js";

export type Request = RecruitRequest | PromoteRequest | CatchUpRequest | FollowRequest;
export type Kind = "recruit" | "promote" | "catch_up" | "follow";

export function requestText(kind: string, request: Request): string {
  const what = `${kind} ${request.term} by ${request.attempt.nonce}`;
  if ("source" in request) return `${what} from ${request.source} to ${formatPosition(request.position)}`;
  if ("position" in request) {
    const policies = request.obliged.map((r) => r.cohort.map((m) => m.id).join(" ")).join(" | ");
    return `${what} at ${formatPosition(request.position)}${request.founding ? ", founding" : ""}, for {${policies}}`;
  }
  if ("leader" in request) return `${what}: ${request.leader}${request.ready === null ? "" : " is ready"}`;
  return what;
}

export function answerText(result: RecruitResult | PromoteResult | CatchUpResult | FollowResult): string {
  if (!result.ok) return `${result.refusal.code}, ${result.refusal.reason}`;
  if ("answer" in result)
    return `${formatPosition(result.answer.position)}${result.answer.voter ? "" : ", without a vote"}`;
  return "yes";
}

export function actionText(action: PostgresAction): string {
  switch (action.kind) {
    case "promote":
      return `promote ${action.term}${action.founding ? " founding" : ""} with ${action.names}`;
    case "write_record":
      return `write ${action.record.state} (${action.record.number.term}, ${action.record.number.subterm})`;
    case "follow":
    case "clone":
    case "rewind":
      return `${action.kind} ${action.leader} under ${action.term}`;
    case "catch_up":
      return `catch up from ${action.source} to ${formatPosition(action.position)}`;
    case "set_door":
      return action.open ? "open the door" : "shut the door";
    case "set_names":
      return `names ${action.names}`;
    case "set_followers":
      return `serve ${action.followers.map((f) => `${f.id} (${f.incarnation})`).join(", ")}`;
    default:
      return action.kind.replace("_", " ");
  }
}
