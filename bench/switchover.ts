import type { LocalCluster } from "../src/demo/cluster.js";
import { leaderOf } from "../src/demo/failover.js";
import { cutOutage, mergePhases, type OutagePhases, rounded } from "../src/demo/phases.js";
import { HOST } from "../src/demo/plan.js";
import { DemoFailed, wallMs } from "../src/demo/waiting.js";
import type { Writer } from "../src/demo/writer.js";
import { orderHandover } from "../src/transport/order_client.js";

const HEAL_MAX_MS = 90_000;
const OUTAGE_MAX_MS = 60_000;
const PHASES_MAX_MS = 5_000;
const DEADLINE_MS = 10_000;

export interface HandedOver {
  readonly term: number;
  /** From the order. */
  readonly outage_ms: number;
  /** From the last acknowledgement of the old leader, which serves on while it prepares. */
  readonly unserved_ms: number;
  readonly phases: OutagePhases;
}

/**
 * Orders a switchover under load. The outage runs from the order, so it holds the call and the wait for the target as
 * well, to the first acknowledgement on a connection that was opened after it. Meanwhile the old leader takes writes for a
 * while yet: how long nobody did is told as well.
 */
export async function handOver(cluster: LocalCluster, writer: Writer, signal: AbortSignal): Promise<HandedOver> {
  const before = await cluster.untilHealthy("a healthy cluster before the switchover", HEAL_MAX_MS);
  const old = leaderOf(before);
  const asked = cluster.plan.nodes.find(({ id }) => id === old.id);
  if (asked === undefined) throw new DemoFailed(`${old.id} leads, and is no node of this cluster`);
  const atMs = wallMs();
  const { id, port } = asked;
  const to = { id, host: HOST, port, cluster: cluster.plan.cluster, deadlineMs: OUTAGE_MAX_MS, tls: null };
  const ordered = orderHandover(to, "switchover", { to: null, deadlineMs: DEADLINE_MS, cause: "the bench asks" });
  const gapped = writer.gapSince(atMs, AbortSignal.any([signal, AbortSignal.timeout(OUTAGE_MAX_MS)]));
  const [reply, gap] = await Promise.all([ordered, gapped]);
  if (!reply.ok) throw new DemoFailed(`the order was not answered: ${reply.reason}`);
  if (reply.result.kind !== "done")
    throw new DemoFailed(
      `the switchover was not done: ${JSON.stringify(reply.result, (_, v: unknown) => (typeof v === "bigint" ? Number(v) : v))}`,
    );
  const term = Number(reply.result.term);
  const after = await cluster.untilStatus(
    "the phases of the switchover",
    PHASES_MAX_MS,
    (status) => mergePhases(status, term) !== null,
  );
  const phases = mergePhases(after, term);
  if (phases === null) throw new DemoFailed(`the status tells no phases of term ${term}`);
  const outage_ms = rounded(gap.firstMs - atMs);
  return {
    term,
    outage_ms,
    unserved_ms: rounded(gap.firstMs - gap.lastMs),
    phases: cutOutage(atMs, outage_ms, phases),
  };
}
