import type { Answer } from "../../src/cli/commands/status.js";
import { type StatusJson, statusShape } from "../../src/cli/schemas.js";

/** Answers of a cluster of three, as plain values. */

export type NodeJson = StatusJson["nodes"][number];

const IDS = ["n1", "n2", "n3"];

function nodeOf(id: string, leader: string | null, change: Partial<NodeJson>): NodeJson {
  return {
    ...{ id, role: id === leader ? "leader" : "follower", reachable: true, postgres: "running", version: "15.18" },
    ...{ host: "10.0.0.1", port: 5432, labels: {}, term: 3, timeline: 3, promise: 3 },
    ...{ flush_lsn: "0/3000060", replay_lsn: null, lag_bytes: 0, ack_age_ms: null, seen_age_ms: 10 },
    ...{ voter: true, eligible: true, why_not: null, sidecar_pid: 1, postmaster_pid: 2, data_dir: "/d" },
    ...{ streaming: id !== leader },
    ...change,
  };
}

export function statusOf(
  change: Partial<StatusJson> = {},
  nodes: Readonly<Record<string, Partial<NodeJson>>> = {},
): StatusJson {
  const leader = change.leader === undefined ? "n1" : change.leader;
  return statusShape.parse({
    ...{ schema: "quorate.status/1", cluster: "shop", system_identifier: "73", term: 3, leader, established: true },
    ...{ paused: false, quorum_lsn: "0/3000060", enforced_by: "native", blocked: null, uri: "postgresql://h/postgres" },
    ruleset: { number: [3, 0], decided: true, policy: "majority", cohort: IDS },
    ...{ survives: [["n1"], ["n2"], ["n3"]], spare: [["n2"], ["n3"]] },
    nodes: IDS.map((id) => nodeOf(id, leader, nodes[id] ?? {})),
    ...change,
  });
}

/** Each of these answers the same; the others are silent. */
export function answersOf(status: StatusJson, ids: readonly string[] = IDS): Answer[] {
  return IDS.map((id) =>
    ids.includes(id)
      ? { id, status, reason: null, certificateUntilMs: null }
      : { id, status: null, reason: "nothing listens there", certificateUntilMs: null },
  );
}
