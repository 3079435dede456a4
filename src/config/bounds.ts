import { CLOCK_RATIO_MAX, holdMs, LEASE_DETECT_MIN_MS } from "../core/lease/bounds.js";
import type { Timings as CoreTimings } from "../core/timings.js";
import { coreTimings } from "./derive.js";

/**
 * How long a Postgres that was frozen (SIGSTOP, a hypervisor that stops all of a machine's processors) may answer reads
 * once it thaws, before its sidecar has ended it, in ms. Nobody outside can know earlier that time has passed. Measured: at
 * most 31 on two idle processors with 20 busy sessions, at most 74 on two with six processes waiting for each
 * (test/pg/cluster_lease.pg.test.ts, QUORATE_THAWS); and something to spare.
 */
const THAW_MS = 100;

/** What an operator may count on, in ms. All of it follows from `detect` and, for the last two, from how many nodes there are. */
export interface Bounds {
  /** A leader that nobody renews the lease of begins to end its Postgres after this; null without leases. */
  readonly isolated_leader_fenced_ms: number | null;
  /** A leader's silence makes a suspicion after this, and the best-placed node acts at once. */
  readonly suspected_ms: number;
  /** The last of all nodes acts after this, if those before it do nothing. */
  readonly last_coordinator_ms: number;
  /** A leader whose Postgres hangs, or whose commits no quorum completes though others could, gives up its term after this. */
  readonly stalled_leader_yields_ms: number;
  /** The longest that a new leader waits for the lease of an old one, counted from the last word that was heard of it. */
  readonly old_lease_over_ms: number | null;
  /** How much faster one clock may run than another. */
  readonly clock_ratio_max: number | null;
  /** Reads that an old leader serves after the next one is established; null: as long as it is cut off together with its clients. */
  readonly stale_reads_ms: number | null;
  /** The same after a freeze of the old leader's processes: as long as it takes to notice and to end them. */
  readonly stale_reads_after_thaw_ms: number | null;
  /** The same after a suspension of its machine, during which timers stand still. */
  readonly stale_reads_after_suspension_ms: number | null;
}

export function boundsOf(detect_ms: number, nodes: number): Bounds {
  const timings = coreTimings(detect_ms);
  const common = {
    suspected_ms: detect_ms,
    stalled_leader_yields_ms: detect_ms + timings.observeIdleMs,
    last_coordinator_ms: detect_ms + (nodes - 1) * timings.rankDelayMs,
  };
  return timings.leaseMs === 0 ? { ...common, ...NOTHING_BOUND } : { ...common, ...withLeases(timings) };
}

const NOTHING_BOUND = {
  isolated_leader_fenced_ms: null,
  old_lease_over_ms: null,
  clock_ratio_max: null,
  stale_reads_ms: null,
  stale_reads_after_thaw_ms: null,
  stale_reads_after_suspension_ms: null,
} as const;

function withLeases({ leaseMs, leaseFenceMs, leaseRenewMs }: CoreTimings) {
  return {
    isolated_leader_fenced_ms: leaseMs - leaseFenceMs,
    old_lease_over_ms: holdMs(leaseMs),
    clock_ratio_max: CLOCK_RATIO_MAX,
    stale_reads_ms: 0,
    stale_reads_after_thaw_ms: THAW_MS,
    // A leader's loop turns at least as often as it renews.
    stale_reads_after_suspension_ms: leaseRenewMs + THAW_MS,
  };
}

/** For whoever wrote a `detect` that leaves no time for leases. */
export const WITHOUT_LEASES = `below ${LEASE_DETECT_MIN_MS} ms there is no time for leases: an old leader that is cut off together with its clients serves them stale reads for as long as that lasts; write ${LEASE_DETECT_MIN_MS}ms or more`;
