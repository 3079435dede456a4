import { type Timings as CoreTimings, timingsFrom } from "../core/timings.js";

/** Every deadline of the sidecar that follows from the one knob `timings.detect`. */
export interface Timings {
  /** Silence of the leader after which it is suspected, and the longest a start waits for all answers. */
  readonly detect_ms: number;
  /** How often a sidecar tells the others its status when nothing changes. */
  readonly heartbeat_ms: number;
  /** After this a call to another sidecar is given up. */
  readonly rpc_deadline_ms: number;
  /** A write of the state file that takes longer makes the sidecar fence its Postgres. */
  readonly persist_deadline_ms: number;
  /** How long a coordinator waits under one term for a recruit's answer, its fence and replay included. */
  readonly recruit_deadline_ms: number;
  /** A status older than this counts as silence. */
  readonly status_stale_ms: number;
  /** How long a leader serves on a follower's grant, from when it asked for it; 0: `detect` is too short for leases. */
  readonly lease_ms: number;
  /** How often it asks again. */
  readonly lease_renew_ms: number;
  /** So long before the end of a lease that nobody renews it begins to end its Postgres. */
  readonly lease_fence_ms: number;
  /** A sidecar that is restarted on purpose is waited for so long. */
  readonly away_ms: number;
  /** One that died or hangs for longer has its Postgres closed by the fuse. */
  readonly fuse_ms: number;
}

export const DETECT_DEFAULT_MS = 1500;
/** Below this a garbage collection or one slow fsync looks like a dead node. */
export const DETECT_MIN_MS = 300;
/** Above this an outage is longer than a person with a runbook needs. */
export const DETECT_MAX_MS = 60_000;

/** What the core of every sidecar works with. Leases are a matter of all nodes, so nobody can switch them off alone. */
export function coreTimings(detect_ms: number): CoreTimings {
  return timingsFrom(detect_ms, { leases: true, progress: true });
}

export function deriveTimings(detect_ms: number): Timings {
  const { heartbeatMs, persistDeadlineMs, leaseMs, leaseRenewMs, leaseFenceMs, awayMs, fuseMs } =
    coreTimings(detect_ms);
  return {
    detect_ms,
    heartbeat_ms: heartbeatMs,
    // A peer that takes longer to answer would be suspected by then anyway.
    rpc_deadline_ms: detect_ms,
    persist_deadline_ms: persistDeadlineMs,
    // A recruited leader first fences, restarts as a standby and replays: longer than a call, but bounded.
    recruit_deadline_ms: 4 * detect_ms,
    // Silence is silence, whether a stream is quiet or gone.
    status_stale_ms: detect_ms,
    lease_ms: leaseMs,
    lease_renew_ms: leaseRenewMs,
    lease_fence_ms: leaseFenceMs,
    away_ms: awayMs,
    fuse_ms: fuseMs,
  };
}

/**
 * Walsenders and slots that a leader of this many nodes needs: each follower one to stream, one for a
 * clone or for the old connection that Postgres has not yet given up, and three for people and backups.
 */
export function walSendersNeeded(nodes: number): number {
  return 2 * (nodes - 1) + 3;
}
