import type { DemoStatus, NodePhases } from "./cluster_status.js";

/** Consecutive parts of the outage that a client saw. */
export interface OutagePhases {
  readonly detect_ms: number;
  readonly recruit_ms: number;
  readonly promote_ms: number;
  readonly establish_ms: number;
}

/** What the coordinator and the new leader measured of the same term, each its own part. Null until both told. */
export function mergePhases(status: DemoStatus, term: number): NodePhases | null {
  const told = status.nodes.flatMap(({ phases }) => (phases?.term === term ? [phases] : []));
  const coordinator = told.find((phases) => phases.started_unix_ms > 0 && phases.recruit_ms > 0);
  const promote_ms = Math.max(0, ...told.map((phases) => phases.promote_ms));
  if (coordinator === undefined || promote_ms === 0) return null;
  const establish_ms = Math.max(0, ...told.map((phases) => phases.establish_ms));
  return { ...coordinator, promote_ms, establish_ms };
}

/**
 * Cuts the outage that a client measured at the marks that the sidecars set. The last part also holds the way back
 * to the client: the door, and its next try. Clocks of several processes and rounding may overlap by a
 * millisecond; no part is negative, and together they are the outage.
 */
export function cutOutage(
  struckAtMs: number,
  outageMs: number,
  phases: Pick<NodePhases, "started_unix_ms" | "recruit_ms" | "promote_ms">,
): OutagePhases {
  let left = outageMs;
  const take = (ms: number) => {
    const part = rounded(Math.min(left, Math.max(0, ms)));
    left -= part;
    return part;
  };
  const detect_ms = take(phases.started_unix_ms - struckAtMs);
  const recruit_ms = take(phases.recruit_ms);
  const promote_ms = take(phases.promote_ms);
  return { detect_ms, recruit_ms, promote_ms, establish_ms: rounded(Math.max(0, left)) };
}

export function rounded(ms: number): number {
  return Math.round(ms * 10) / 10;
}
