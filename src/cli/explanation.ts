/** Why nothing happens now, or why all is well: from what every node answered, as plain values. */
import { clusterState } from "../core/cluster_state.js";
import { type Answer, best } from "./commands/status.js";
import type { ExplainJson } from "./insight_schemas.js";
import { restartNext, settingLines } from "./pending_settings.js";
import { rejoinShown } from "./rejoin_text.js";
import type { StatusJson } from "./schemas.js";

type NodeJson = StatusJson["nodes"][number];

const RESUME = "quorate resume";

export interface ExplainOptions {
  readonly cluster: string;
  /** One of each node of the configuration. */
  readonly answers: readonly Answer[];
  /** What to do when nobody answers. */
  readonly start: string;
}

export function explain({ cluster, answers, start }: ExplainOptions): ExplainJson {
  const status = best(answers);
  const nodes = answers.map((answer) => ({
    id: answer.id,
    answers: answer.status !== null,
    says: says(answer, answers),
  }));
  const common = { schema: "quorate.explain/1" as const, cluster, nodes };
  if (status === null) {
    return {
      ...{ ...common, state: "unreachable", leader: null, term: null, writable: false },
      summary: "no sidecar answers: what Postgres does without them is not known",
      ...{ reasons: [], missing: answers.map(({ id }) => id), enough: [], next_step: start },
      may_die: { without_pause: [], with_failover: [] },
    };
  }
  const { blocked, leader, established, term } = status;
  const writable = leader !== null && established && blocked === null;
  const paused = status.paused ? ["elections are paused: a leader that dies is not replaced"] : [];
  const disagreements = otherLeaders(status, answers);
  return {
    ...{ ...common, state: clusterState(status), leader, term, writable },
    summary: summaryOf(status, writable),
    reasons: [
      ...(blocked === null ? paused : [blocked.reason]),
      ...wrongs(status),
      ...disagreements,
      ...settingLines(status),
    ],
    missing: blocked?.missing ?? [],
    enough: blocked?.enough ?? [],
    next_step: blocked?.next_step ?? (status.paused ? RESUME : restartNext(status)),
    may_die: {
      without_pause: writable ? (status.spare ?? []) : [],
      with_failover: writable ? status.survives.filter((set) => set.includes(leader)) : [],
    },
  };
}

function summaryOf({ leader, term, established, blocked, ruleset }: StatusJson, writable: boolean): string {
  if (writable) return `${leader} leads term ${term}: writes are acknowledged`;
  if (leader !== null && established) return `${leader} leads term ${term}, and every commit waits`;
  if (leader !== null) return `${leader} was promoted under term ${term} and is not established yet: nobody may write`;
  if (blocked?.code === "founded_already") return "the cluster exists, and nobody who is heard holds its data";
  if (ruleset === null) return "the cluster does not exist yet";
  return blocked === null ? "no leader is heard; one is being elected" : "no leader is heard, and none can be elected";
}

/** What is not as it should be, node by node, in the words of `status`. */
function wrongs(status: StatusJson): string[] {
  return status.nodes.flatMap((node) => {
    const wrong = wrongWith(node, status);
    return wrong === null ? [] : [`${node.id}: ${wrong}`];
  });
}

function wrongWith(node: NodeJson, { leader, term }: StatusJson): string | null {
  if (node.why_not !== null) return node.why_not;
  if (!node.reachable) return "its sidecar is not heard";
  if (node.postgres !== "running") return `its Postgres is ${node.postgres ?? "unknown"}${progressOf(node)}`;
  if (!node.voter) return "it does not vote until it has caught up";
  if (leader === null || node.id === leader) return null;
  if (node.role !== "follower" || node.term !== term) return `it does not follow term ${term} yet`;
  return node.streaming === true ? null : "it follows, and does not stream yet";
}

function progressOf({ rejoin }: NodeJson): string {
  const percent = typeof rejoin === "object" && rejoin !== null && "percent" in rejoin ? rejoin.percent : null;
  const { line } = rejoinShown(rejoin);
  return `${typeof percent === "number" ? `, ${percent} %` : ""}${line === null ? "" : ` (${line})`}`;
}

/** Sidecars that name another leader than the best informed one: cut off, or a moment behind. */
function otherLeaders(status: StatusJson, answers: readonly Answer[]): string[] {
  return answers.flatMap(({ id, status: told }) => {
    if (told === null || told.leader === null || (told.leader === status.leader && told.term === status.term))
      return [];
    return [`${id} holds ${told.leader} to lead term ${told.term}`];
  });
}

function says({ id, status, reason }: Answer, answers: readonly Answer[]): string {
  if (status === null) {
    const heard = lastHeard(id, answers);
    return `does not answer (${reason ?? "no reason"})${heard === null ? "" : `; ${heard}`}`;
  }
  const own = status.nodes.find((node) => node.id === id);
  if (own === undefined) return "answers, and does not name itself: another configuration file?";
  return [roleOf(own, status), postgresOf(own), own.why_not, blockedOf(status)]
    .filter((part) => part !== null)
    .join("; ");
}

/** Of those who answer: who heard a silent node last, and how long ago. */
function lastHeard(id: string, answers: readonly Answer[]): string | null {
  const ages = answers.flatMap((answer) => {
    const ageMs = answer.status?.nodes.find((node) => node.id === id)?.seen_age_ms;
    return typeof ageMs === "number" ? [{ by: answer.id, ageMs }] : [];
  });
  const [last] = ages.sort((a, b) => a.ageMs - b.ageMs);
  if (last === undefined)
    return answers.some(({ status }) => status !== null) ? "nobody who answers has heard it" : null;
  return `last heard by ${last.by} ${seconds(last.ageMs)} ago`;
}

function roleOf(own: NodeJson, status: StatusJson): string {
  switch (own.role) {
    case "leader":
      return `leads term ${own.term}${status.established && status.leader === own.id ? "" : ", not established yet"}`;
    case "follower":
      return `follows${status.leader === null ? "" : ` ${status.leader}`} in term ${own.term}`;
    case "observer":
      return `observes term ${own.term}: its copy does not count`;
    case "witness":
      return `is a witness in term ${own.term}`;
    case "none":
      return `knows no leader; has promised term ${own.promise ?? 0}`;
  }
}

function postgresOf(own: NodeJson): string {
  const runs = `Postgres ${own.postgres ?? "unknown"}${progressOf(own)}`;
  if (own.role !== "follower" || own.postgres !== "running") return runs;
  const behind = own.lag_bytes === null ? "" : `, ${own.lag_bytes} B behind`;
  return `${runs}, ${own.streaming === true ? `streams${behind}` : "does not stream"}`;
}

function blockedOf({ blocked }: StatusJson): string | null {
  return blocked === null ? null : blocked.reason;
}

function seconds(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
