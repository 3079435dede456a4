import type { Names, Postgres } from "./postgres.js";
import type { Tip } from "./wal.js";

/** A walsender on one side, a walreceiver on the other. */
export interface Connection {
  readonly up: Postgres;
  readonly down: Postgres;
  readonly upEpoch: number;
  readonly downEpoch: number;
  /** Of the follower when it was let in. */
  readonly incarnation: string;
  /** application_name: `n2@7`. */
  readonly name: string;
  readonly pid: number;
  /** What this walsender has loaded: a reload reaches each process at another moment (trap 15). */
  names: Names;
  upOpen: boolean;
  downOpen: boolean;
  sending: boolean;
  sent: Tip | null;
  /** Flushed, as the follower last reported it. */
  reported: number;
  /** Let in although its log is no part of the leader's (trap 1): it reports where it stands and gets nothing. */
  readonly diverged: boolean;
}
