import type { LocalCluster } from "./cluster.js";
import { type DemoStatus, type DemoStatusNode, isHealthy } from "./cluster_status.js";
import { type Fault, strike } from "./fault.js";
import { cutOutage, mergePhases, type OutagePhases, rounded } from "./phases.js";
import { DemoFailed } from "./waiting.js";
import type { Writer } from "./writer.js";

export interface Failover {
  readonly fault: Fault;
  readonly old_leader: string;
  readonly new_leader: string;
  readonly term: number;
  readonly timeline: number;
  readonly outage_ms: number;
  readonly phases: OutagePhases;
}

export interface Rejoin {
  readonly node: string;
  readonly method: "stream" | "rewind" | "clone";
  readonly ms: number;
  /** True if the old leader was elected again after its own restart: nobody had to come back to anybody. */
  readonly led_again: boolean;
}

const OUTAGE_MAX_MS = 60_000;
const PHASES_MAX_MS = 5_000;
const HEAL_MAX_MS = 90_000;

export interface FailoverOptions {
  readonly cluster: LocalCluster;
  readonly writer: Writer;
  readonly fault: Fault;
  readonly signal: AbortSignal;
  /** Told at the moment of the kill, and when writes go on. */
  readonly onStruck?: (node: DemoStatusNode, killed: readonly number[]) => void;
}

/** Kills the leader under load and waits for the first acknowledgement of the next one. */
export async function failOver(options: FailoverOptions): Promise<Failover> {
  const { cluster, fault, signal } = options;
  const before = await cluster.untilHealthy("a healthy cluster before the fault", HEAL_MAX_MS);
  const victim = leaderOf(before);
  if (fault === "node") cluster.expectDeath(victim.id);
  const { atMs, killed } = await strike(fault, cluster.home, victim, signal);
  options.onStruck?.(victim, killed);
  const outage_ms = rounded((await firstAck(options, atMs)) - atMs);
  const term = before.term ?? 0;
  const after = await cluster.untilStatus("the new leader in the status", PHASES_MAX_MS, (status) => {
    return (status.term ?? 0) > term && status.established && mergePhases(status, status.term ?? 0) !== null;
  });
  const leader = leaderOf(after);
  const phases = mergePhases(after, after.term ?? 0);
  if (phases === null || after.term === null || leader.timeline === null)
    throw new DemoFailed(`the status tells no phases of term ${after.term}`);
  return {
    fault,
    old_leader: victim.id,
    new_leader: leader.id,
    term: after.term,
    timeline: leader.timeline,
    outage_ms,
    phases: cutOutage(atMs, outage_ms, phases),
  };
}

async function firstAck({ cluster, writer, signal }: FailoverOptions, atMs: number): Promise<number> {
  const deadline = AbortSignal.timeout(OUTAGE_MAX_MS);
  try {
    return await writer.firstAckSince(atMs, AbortSignal.any([signal, deadline]));
  } catch (error) {
    signal.throwIfAborted();
    // The status says why; a cluster that tells nothing is the failure then.
    await cluster.untilHealthy(`a write within ${OUTAGE_MAX_MS} ms of the fault`, 0);
    throw error;
  }
}

/** Starts a killed sidecar again, and waits until the old leader streams from the new one, as everybody does. */
export async function healAfter(cluster: LocalCluster, failover: Failover): Promise<Rejoin> {
  const node = failover.old_leader;
  const startedAt = performance.now();
  if (failover.fault === "node") cluster.start(node);
  const status = await cluster.untilStatus(`${node} to come back`, HEAL_MAX_MS, (now) => {
    return isHealthy(now) && (now.leader === node || rejoinOf(now, failover) !== null);
  });
  const rejoin = rejoinOf(status, failover);
  if (rejoin !== null) return { node, method: rejoin.method, ms: rounded(rejoin.ms), led_again: false };
  return { node, method: "stream", ms: rounded(performance.now() - startedAt), led_again: true };
}

function rejoinOf(status: DemoStatus, { old_leader, term }: Failover): DemoStatusNode["rejoin"] {
  const rejoin = status.nodes.find(({ id }) => id === old_leader)?.rejoin ?? null;
  return rejoin !== null && rejoin.percent === null && rejoin.term >= term ? rejoin : null;
}

export function leaderOf(status: DemoStatus): DemoStatusNode {
  const leader = status.nodes.find(({ id }) => id === status.leader);
  if (leader === undefined) throw new DemoFailed("the status names no leader; read the sidecars' logs");
  return leader;
}
