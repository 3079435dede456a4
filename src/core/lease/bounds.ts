/**
 * The durations of a lease, and what they stand on.
 *
 * A leader counts a lease from the moment it *sent* the status that a follower answered; the follower holds it from the
 * moment it *heard* that status, for longer: `holdMs`. So the follower's end comes after the leader's whatever the
 * messages did, as long as the two clocks keep the bound below.
 */

/**
 * How much faster one node's monotonic clock may run than another's: 1000 ppm. A clock that is being slewed moves by at
 * most 500 ppm (adjtimex), a quartz is off by less than 100.
 * https://man7.org/linux/man-pages/man2/adjtimex.2.html
 */
export const CLOCK_RATIO_MAX = 1.001;

/**
 * How far a clock may lag behind after a suspension, in ms: one below 200 ms is not seen, a longer one up to 100 ms late,
 * and the system tells the time since boot in hundredths of a second, at both ends (`agent/clock.ts`).
 */
export const CLOCK_LAG_MAX_MS = 320;

/** Below it there is nothing left of a lease once the clocks' lag is taken off and a late message is allowed for. */
export const LEASE_DETECT_MIN_MS = 1000;

/**
 * For how long a leader's sidecar that is to be restarted waits for the grants of a longer lease: followers that are there
 * answer within a round trip and a write of their state file, and whoever restarts a sidecar does not wait for the others.
 */
export const LEAVE_WITHIN_MS = 1000;

export interface LeaseTimings {
  /** How long a leader may count on a grant, from when it asked, in ms of its own clock. 0: there are no leases. */
  readonly leaseMs: number;
  /** It asks again this often. */
  readonly leaseRenewMs: number;
  /** A leader whose lease is not renewed begins to fence this long before the lease ends: a fence takes time. */
  readonly leaseFenceMs: number;
}

export const NO_LEASES: LeaseTimings = Object.freeze({ leaseMs: 0, leaseRenewMs: 0, leaseFenceMs: 0 });

/** For how long a follower refuses to help anybody else, in ms of its own clock, having granted `leaseMs` of the leader's. */
export function holdMs(leaseMs: number): number {
  return leaseMs === 0 ? 0 : Math.ceil(leaseMs * CLOCK_RATIO_MAX) + CLOCK_LAG_MAX_MS;
}

/**
 * The longest lease whose hold is over when its leader's silence makes a suspicion: the follower that suspects has then
 * nothing to wait for. With what is left, one renewal may get lost and the next be late (`lateMaxMs`).
 */
export function leaseTimings(detectMs: number): LeaseTimings {
  if (detectMs < LEASE_DETECT_MIN_MS) return NO_LEASES;
  return {
    leaseMs: Math.floor((detectMs - CLOCK_LAG_MAX_MS) / CLOCK_RATIO_MAX) - 1,
    leaseRenewMs: Math.floor(detectMs / 5),
    leaseFenceMs: Math.max(100, Math.floor(detectMs / 15)),
  };
}

/**
 * A healthy leader keeps its lease if of any two requests in a row one is answered within this long: the answered one
 * was sent at most two renewals before the next answer is needed.
 */
export function lateMaxMs({ leaseMs, leaseRenewMs, leaseFenceMs }: LeaseTimings): number {
  return leaseMs - leaseFenceMs - 2 * leaseRenewMs;
}

/** The longest that anybody holds whatever a leader may ask for, in ms: beyond it no word of a lease is believed. */
export function holdMaxMs({ leaseMs, awayMs }: LeaseTimings & { readonly awayMs: number }): number {
  return leaseMs === 0 ? 0 : holdMs(Math.max(leaseMs, awayMs));
}

/**
 * For how long a leader may go without being established, in ms: as long as that takes, or until the leases that it has to
 * wait for are over, and `detect` more. One that is told of a lease longer than any does not put off elections for ever.
 */
export function establishWithinMs(
  timings: LeaseTimings & { readonly awayMs: number; readonly establishMs: number; readonly detectMs: number },
  awaitedMs: number,
): number {
  return Math.max(timings.establishMs, Math.min(awaitedMs, holdMaxMs(timings)) + timings.detectMs);
}
