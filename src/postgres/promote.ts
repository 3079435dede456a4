import type { History } from "../core/log/history.js";
import type { Lsn } from "../core/log/lsn.js";
import type { Position, Term } from "../core/log/position.js";
import type { NodeId } from "../core/ruleset/ruleset.js";
import type { OsUser } from "./os_user.js";
import type { RevokeWays } from "./revoke.js";
import type { SqlRunner } from "./sql/runner.js";
import type { FreshSession } from "./sync_names.js";

export interface PromoteOptions {
  /** Kept open across the promotion; nothing of the user's can stop it (POSTGRES.md I). */
  readonly session: SqlRunner;
  readonly ways: Pick<RevokeWays, "setAutoConf" | "reload"> & FreshSession;
  readonly dataDir: string;
  readonly user: OsUser;
  readonly term: Term;
  /** From `finalPosition`, unchanged since: the promotion must start exactly there. */
  readonly position: Position;
  /** synchronous_standby_names of the new term; never empty. */
  readonly names: string;
  /** Each gets a physical slot. */
  readonly followers: readonly NodeId[];
  /** Backends that stay (our own sessions); all other clients are ended (trap 22). */
  readonly keepPids: readonly number[];
  readonly deadlineMs: number;
}

export type PromoteOutcome =
  | {
      readonly kind: "promoted";
      readonly history: History;
      /** Where the new timeline branched off: the position it was promoted at. */
      readonly switchLsn: Lsn;
      /** Flushed end of the WAL once out of recovery. */
      readonly flushLsn: Lsn;
      /** Waits of this promotion in ms: names in force, then out of recovery. */
      readonly namesMs: number;
      readonly recoveryMs: number;
    }
  /** Nothing was started: the same term may still be tried after `nextStep`. */
  | { readonly kind: "refused"; readonly code: "history_above" | "position_moved" | "not_in_recovery" | "names"; readonly reason: string }
  /** It may have happened, or happened wrongly: fence, safe-start, never try this term again. */
  | { readonly kind: "failed"; readonly reason: string };

/** Promotes a revoked standby to timeline `term`, exactly once, and verifies that it is. */
export async function promote(_options: PromoteOptions): Promise<PromoteOutcome> {
  throw new Error("not built yet");
}

/** To be run in the background after a promotion, so that a rewind by anybody finds the new timeline (trap 8). */
export async function checkpoint(_session: SqlRunner): Promise<void> {
  throw new Error("not built yet");
}
