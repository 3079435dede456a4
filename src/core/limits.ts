/** Every bound of the program, with its reason. */

/** Nodes in one cohort: the quorum maths tries all subsets of followers of a size, at most a few hundred sets. */
export const COHORT_MAX = 9;

/** Calls of one recruitment that wait for this node's position: a coordinator that asks again adds one each time. */
export const PENDING_CALLS_MAX = 16;

/** Elections that came to nothing, an hour: each one may have restarted a healthy leader (DESIGN 7). */
export const FRUITLESS_ELECTIONS_PER_HOUR_MAX = 60;

/** Operations of a leader that fail in a row before it gives up its term: another node may do better. */
export const LEADER_FAILURES_MAX = 5;

/** WAL that a follower may lack and still count as caught up: what takes it a few ms to receive, so no commit waits long for it. */
export const LAG_CAUGHT_UP_BYTES = 1n << 20n;

/**
 * Promises that a node can still name: whatever a peer remembers of it is among the last few, since all that are up
 * learn of each within a heartbeat.
 */
export const PROMISES_KEPT = 8;

/**
 * Data from which on a diverged node rewinds: less is cloned in some 20 s at 1 Gbit/s, without a vote being lost
 * meanwhile (POSTGRES.md D; DESIGN 5.7).
 */
export const REWIND_FROM_BYTES = 2 ** 31;

/** Clones that fail, an hour: each may have read all of the leader's data. */
export const CLONES_FAILED_PER_HOUR_MAX = 30;

/** The longest pause between two clones from one leader, in ms: a disk that an operator made room on is tried soon enough. */
export const CLONE_PAUSE_MAX_MS = 600_000;

/** Observers that a leader serves: each takes one of its walsenders and a slot. */
export const OBSERVERS_MAX = 5;

/** A leader that is to be restarted waits no longer for the one that is to lead: as `quorate switchover` does by default. */
export const RESTART_HANDOVER_MS = 10_000;
