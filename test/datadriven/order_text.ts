import type { Event } from "../../src/core/events.js";
import type { HandoverRefusal, HandoverResult, Pause, RestartRefusal, RestartResult } from "../../src/core/orders.js";

/** `CALL [to n2] [deadline MS]`, of a restart `CALL [force] [pending] [deadline MS]`; without a deadline ten seconds. */
export function orderFrom(verb: string, [call = "", ...words]: readonly string[]): Event {
  if (verb === "pause" || verb === "resume") return { kind: "set_pause", call, paused: verb === "pause" };
  const value = (key: string) => (words.includes(key) ? (words[words.indexOf(key) + 1] ?? null) : null);
  const deadlineMs = Number(value("deadline") ?? 10_000);
  const cause = "the script asks";
  if (verb === "restart") {
    const [force, pendingOnly] = [words.includes("force"), words.includes("pending")];
    return { kind: "restart", call, request: { force, pendingOnly, deadlineMs, cause } };
  }
  const request = { to: value("to"), deadlineMs, cause };
  return { kind: verb === "failover" ? "failover" : "switchover", call, request };
}

export function handoverText(result: HandoverResult): string {
  switch (result.kind) {
    case "done":
      return `done, ${result.leader} leads term ${result.term}`;
    case "failed":
      return `failed, ${result.leader} leads term ${result.term}: ${result.reason}`;
    case "unknown":
      return `unknown: ${result.reason}; next: ${result.nextStep}`;
    case "refused":
      return refusalText(result.refusal);
  }
}

function refusalText({ code, reason, missing, nextStep }: HandoverRefusal | RestartRefusal): string {
  const lacks = missing.length === 0 ? "" : ` [${missing.join(" ")}]`;
  return `refused: ${code}${lacks}, ${reason}; next: ${nextStep}`;
}

export function restartText(result: RestartResult): string {
  switch (result.kind) {
    case "done":
      return `done, ${result.leader} leads term ${result.term}${result.handedOver ? ", it had handed over" : ""}`;
    case "not_needed":
      return "not needed";
    case "unknown":
      return `unknown: ${result.reason}; next: ${result.nextStep}`;
    case "refused":
      return refusalText(result.refusal);
  }
}

export function pauseText({ paused, number, by }: Pause): string {
  return `${paused ? "paused" : "not paused"} (${number} by ${by === "" ? "nobody" : by})`;
}
