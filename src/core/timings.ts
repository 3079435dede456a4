import type { LeaseTimings } from "./lease/bounds.js";
import { leaseTimings, NO_LEASES } from "./lease/bounds.js";

/**
 * Every duration of the protocol, in ms, derived from one knob: `detect`, the silence after which
 * a node is suspected. Nothing here but a lease is needed for safety; a wrong value costs time or needless elections.
 */
export interface Timings extends LeaseTimings {
  readonly detectMs: number;
  /**
   * A status is repeated this often. Streams lose nothing and a closed one is noticed at once, so three in the silence that
   * makes a suspicion are enough; each costs two sidecars some 0.2 ms of processor time.
   */
  readonly heartbeatMs: number;
  /** A change that others only show waits this long for others to travel with it. */
  readonly publishSoonMs: number;
  /** A write of the state file that takes longer makes the sidecar fence: found out well before the others suspect the node. */
  readonly persistDeadlineMs: number;
  /** A coordinator asks again, under the same term, after this long without enough answers. */
  readonly askAgainMs: number;
  /** Once enough have answered: how long the other running nodes are waited for, so that the longest log wins and nobody needs a clone. */
  readonly graceMs: number;
  /** A node whose Postgres is down is asked only after this long: it would have to start first, and take processor time from those that run. */
  readonly askLateMs: number;
  /** Between two coordinators of adjacent rank, so that they do not duel. */
  readonly rankDelayMs: number;
  /** A leader that was appointed but is not established after this long is suspected. */
  readonly establishMs: number;
  /** The same for a founder, which runs initdb first and then serves clones. */
  readonly foundMs: number;
  /** First pause of a coordinator after an attempt that came to nothing; doubles. */
  readonly backoffMs: number;
  readonly backoffMaxMs: number;
  /** The checkpoint that a promotion leaves to be done waits this long, for the sake of the first clients. */
  readonly checkpointAfterMs: number;
  /** A follower that its leader has not served for so long grows a clone. */
  readonly unservedMs: number;
  /** A sidecar that is restarted on purpose asks the others to wait for so long, and they wait for nobody longer. */
  readonly awayMs: number;
  /** A sidecar that died or hangs for longer has its Postgres closed by the fuse: time enough to be started again by itself. */
  readonly fuseMs: number;
  /** So long after the start of a sidecar whoever is there has been heard again. */
  readonly heardAgainMs: number;
  /** A leader repeats `Follow` to a member that does not follow it this often. */
  readonly followAgainMs: number;
  /** An idle leader writes a small WAL record this often, to see a quorum take it. 0: quorum progress is not watched. */
  readonly demandEveryMs: number;
  /** A leader that gave up a term because no quorum went on does not do so again within this long. */
  readonly stallAgainMs: number;
  /** A Postgres operation that failed is tried again after this long; doubles up to `detect` * 4. */
  readonly retryMs: number;
  /** A dead leader's Postgres is started again after this long, unless somebody asks for its position first. */
  readonly restartDelayMs: number;
  /** A change of the rules that is not durable under the old and the new ones after so long is taken back: commits wait meanwhile. */
  readonly changeMs: number;
  /** An observer that was not heard for so long loses its slot, which keeps WAL for it: it clones if it comes back. */
  readonly forgetObserverMs: number;
  /** How often Postgres is looked at when nothing is happening, and while a leader waits for its quorum. */
  readonly observeIdleMs: number;
  readonly observeFastMs: number;
}

/** What a cluster has only if it is asked for: leases all of its nodes or none, quorum progress each leader by itself. */
export interface Watches {
  readonly leases: boolean;
  readonly progress: boolean;
}

export function timingsFrom(detectMs: number, { leases = false, progress = false }: Partial<Watches> = {}): Timings {
  return {
    ...(leases ? leaseTimings(detectMs) : NO_LEASES),
    detectMs,
    heartbeatMs: Math.max(50, Math.floor(detectMs / 3)),
    publishSoonMs: 50,
    persistDeadlineMs: Math.floor(detectMs / 4),
    askAgainMs: Math.max(100, Math.floor(detectMs / 3)),
    graceMs: 60,
    askLateMs: 300,
    rankDelayMs: Math.max(60, Math.floor(detectMs / 10)),
    establishMs: detectMs * 3,
    foundMs: Math.max(60_000, detectMs * 20),
    backoffMs: Math.max(100, Math.floor(detectMs / 5)),
    backoffMaxMs: detectMs * 8,
    checkpointAfterMs: 1000,
    unservedMs: Math.max(15_000, detectMs * 10),
    awayMs: detectMs * 6,
    fuseMs: detectMs * 4,
    heardAgainMs: detectMs * 2,
    followAgainMs: Math.max(100, Math.floor(detectMs / 5)),
    // Rare enough that 16 MB of archive last for days, since a record is some 100 bytes.
    demandEveryMs: progress ? Math.max(60_000, detectMs * 20) : 0,
    stallAgainMs: Math.max(60_000, detectMs * 20),
    retryMs: 200,
    restartDelayMs: 400,
    changeMs: detectMs * 2,
    forgetObserverMs: 600_000,
    observeIdleMs: 1000,
    observeFastMs: 3,
  };
}
