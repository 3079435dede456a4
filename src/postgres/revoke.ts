import type { Lsn } from "../core/log/lsn.js";
import type { Position, Term } from "../core/log/position.js";
import type { SqlRunner } from "./sql/runner.js";

/** The answer of IDENTIFY_SYSTEM. */
export interface Identity {
  readonly systemIdentifier: bigint;
  readonly timeline: Term;
  readonly lsn: Lsn;
}

/** How the caller reaches the parts of Postgres that SQL does not. */
export interface RevokeWays {
  /** Writes postgresql.auto.conf (ALTER SYSTEM may be off). */
  setAutoConf(settings: Readonly<Record<string, string>>): Promise<void>;
  /** Makes the postmaster reload: SIGHUP or pg_reload_conf(). */
  reload(): Promise<void>;
  /** IDENTIFY_SYSTEM on a replication connection opened *for this call*: that it could be forked is part of the proof. */
  identify(): Promise<Identity>;
}

export interface RevokeOptions {
  readonly session: SqlRunner;
  readonly ways: RevokeWays;
  /** Replay may take long, and is part of the outage: this bounds a hang, not the work. */
  readonly deadlineMs: number;
}

export interface PositionOptions extends RevokeOptions {
  readonly dataDir: string;
}

/** Could not be done in time, or Postgres contradicted itself; the message names what was seen and what to do. */
export class RevokeFailed extends Error {
  override readonly name = "RevokeFailed";
}

/** Stops streaming for good: when it resolves, nothing more will be received or acknowledged (POSTGRES.md A.2, trap 6). */
export async function revoke(_options: RevokeOptions): Promise<void> {
  throw new Error("not built yet");
}

/** Timeline and LSN of the last complete record of a *revoked* standby, after replaying all it has (POSTGRES.md A.3). */
export async function finalPosition(_options: PositionOptions): Promise<Position> {
  throw new Error("not built yet");
}
