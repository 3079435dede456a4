import { z } from "zod";
import { statusShape } from "../cli/schemas.js";
import { fetchStatus } from "../transport/admin_client.js";
import { type ClusterPlan, HOST } from "./plan.js";

const phases = z.looseObject({
  term: z.number(),
  started_unix_ms: z.number(),
  recruit_ms: z.number(),
  promote_ms: z.number(),
  establish_ms: z.number(),
});

const rejoin = z.looseObject({
  term: z.number(),
  method: z.enum(["stream", "rewind", "clone"]),
  ms: z.number(),
  percent: z.number().nullable(),
});

/** The published status, with what the demo reads beyond it. */
const demoStatusShape = statusShape.extend({
  nodes: z.array(
    statusShape.shape.nodes.element.extend({
      streaming: z.boolean(),
      phases: phases.nullable(),
      rejoin: rejoin.nullable(),
    }),
  ),
});

export type DemoStatus = z.output<typeof demoStatusShape>;
export type DemoStatusNode = DemoStatus["nodes"][number];
export type NodePhases = z.output<typeof phases>;

const DEADLINE_MS = 1000;

/** The cluster as its best informed sidecar sees it; null if none answers. */
export async function askCluster(plan: ClusterPlan): Promise<DemoStatus | null> {
  const answers = await Promise.all(plan.nodes.map((node) => askNode(plan.cluster, node)));
  const given = answers.flatMap((answer) => answer ?? []);
  // The leader knows most; else whoever has seen the highest term.
  given.sort((a, b) => rank(b) - rank(a));
  return given[0]?.status ?? null;
}

interface Answer {
  readonly id: string;
  readonly status: DemoStatus;
}

function rank({ id, status }: Answer): number {
  return (status.term ?? 0) * 4 + (status.leader === id ? 2 : 0) + (status.established ? 1 : 0);
}

async function askNode(cluster: string, node: { readonly id: string; readonly port: number }): Promise<Answer | null> {
  const reply = await fetchStatus({
    node: node.id,
    host: HOST,
    port: node.port,
    cluster,
    deadlineMs: DEADLINE_MS,
    tls: null,
  });
  if (!reply.ok) return null;
  const parsed = demoStatusShape.safeParse(JSON.parse(reply.json));
  return parsed.success ? { id: node.id, status: parsed.data } : null;
}

/** What `quorate status` calls healthy. */
export function isHealthy(status: DemoStatus): boolean {
  return (
    status.leader !== null && status.established && cohort(status).every((node) => nodeTrouble(status, node) === null)
  );
}

/** One line for a person who waits: what is not yet as it should be. */
export function trouble(status: DemoStatus | null): string {
  if (status === null) return "no sidecar answers";
  if (status.blocked !== null) return `blocked: ${status.blocked.reason}; next: ${status.blocked.next_step}`;
  if (status.leader === null) return "there is no leader";
  if (!status.established) return `${status.leader} leads term ${status.term}, but is not established`;
  const found = cohort(status).flatMap((node) => nodeTrouble(status, node) ?? []);
  return found.length === 0 ? "nothing is wrong" : found.join("; ");
}

/** Who is in no ruleset may come and go. */
function cohort({ ruleset, nodes }: DemoStatus): readonly DemoStatusNode[] {
  return nodes.filter(({ id }) => ruleset === null || ruleset.cohort.includes(id));
}

function nodeTrouble(status: DemoStatus, node: DemoStatusNode): string | null {
  if (!node.reachable) return `${node.id} is not reachable`;
  if (node.why_not !== null || !node.voter) return `${node.id}: ${node.why_not ?? "it does not vote"}`;
  if (node.postgres !== "running") return `Postgres of ${node.id} is ${node.postgres ?? "unknown"}`;
  if (node.id === status.leader) return null;
  if (node.role !== "follower" || node.term !== status.term) return `${node.id} does not follow term ${status.term}`;
  return node.streaming ? null : `${node.id} does not stream`;
}
