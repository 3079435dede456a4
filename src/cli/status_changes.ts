import { verdict } from "./commands/status.js";
import { STATUS_EXIT } from "./exit_codes.js";
import type { StatusJson } from "./schemas.js";

/** What a person would want to be told between two looks at a cluster; positions and ages change all the time and are none of it. */
export function changesBetween(before: StatusJson | null, after: StatusJson | null): string[] {
  const told = facts(after);
  const known = before === null && after !== null ? new Map<string, string>() : facts(before);
  return [...told].filter(([about, text]) => known.get(about) !== text).map(([, text]) => text);
}

/** Sentences by what they are about. */
function facts(status: StatusJson | null): Map<string, string> {
  if (status === null) return new Map([["cluster", "nobody answers"]]);
  const all = new Map<string, string>([
    ["leader", leaderOf(status)],
    ["cluster", STATE[verdict(status)]],
  ]);
  if (status.blocked !== null) all.set("blocked", status.blocked.reason);
  for (const node of status.nodes) {
    const state = node.reachable ? `is ${node.role}, Postgres ${node.postgres ?? "unknown"}` : "is not reachable";
    all.set(node.id, `${node.id} ${state}`);
  }
  return all;
}

const STATE = {
  [STATUS_EXIT.healthy]: "healthy",
  [STATUS_EXIT.degraded]: "degraded",
  [STATUS_EXIT.noLeader]: "no writes",
  [STATUS_EXIT.unreachable]: "nobody answers",
};

function leaderOf({ leader, term, established }: StatusJson): string {
  if (leader === null) return "no leader";
  return `${leader} leads term ${term}${established ? "" : ", not established yet"}`;
}
