import type { RevokeWays } from "./revoke.js";
import type { SqlRunner } from "./sql/runner.js";

export interface FreshSession {
  /** A connection opened for this call, and closed after it: what the postmaster has loaded shows in no other. */
  fresh<T>(use: (session: SqlRunner) => Promise<T>): Promise<T>;
}

export interface SyncNamesOptions {
  readonly session: SqlRunner;
  readonly ways: Pick<RevokeWays, "setAutoConf" | "reload"> & FreshSession;
  readonly names: string;
  readonly deadlineMs: number;
}

/** `holdouts`: walsenders that neither showed the new value nor could be ended; the old value may still release commits. */
export type NamesOutcome =
  | { readonly kind: "in_force"; readonly endedWalsenders: number }
  | { readonly kind: "failed"; readonly reason: string; readonly holdouts: readonly string[] };

/** On a running leader: no commit is released under the old names after this resolves with `in_force` (trap 15). */
export async function putNamesInForce(_options: SyncNamesOptions): Promise<NamesOutcome> {
  throw new Error("not built yet");
}

/** On a standby about to be promoted: the postmaster has loaded the value, so every later walsender is born with it. */
export async function putNamesBeforePromotion(_options: SyncNamesOptions): Promise<NamesOutcome> {
  throw new Error("not built yet");
}
