import type { Event } from "../../src/core/events.js";
import type { HandoverResult, Pause } from "../../src/core/orders.js";

/** `CALL [to n2] [deadline MS]`; without a deadline ten seconds. */
export function orderFrom(verb: string, [call = "", ...words]: readonly string[]): Event {
  if (verb === "pause" || verb === "resume") return { kind: "set_pause", call, paused: verb === "pause" };
  const value = (key: string) => (words.includes(key) ? (words[words.indexOf(key) + 1] ?? null) : null);
  const deadlineMs = Number(value("deadline") ?? 10_000);
  const request = { to: value("to"), deadlineMs, cause: "the script asks" };
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
    case "refused": {
      const { code, reason, missing, nextStep } = result.refusal;
      const lacks = missing.length === 0 ? "" : ` [${missing.join(" ")}]`;
      return `refused: ${code}${lacks}, ${reason}; next: ${nextStep}`;
    }
  }
}

export function pauseText({ paused, number, by }: Pause): string {
  return `${paused ? "paused" : "not paused"} (${number} by ${by === "" ? "nobody" : by})`;
}
