import type { Lsn } from "../core/log/lsn.js";
import { formatLsn, parseLsn } from "../core/log/lsn.js";
import { type Deadline, deadlineAfter, poll } from "./polling.js";
import type { RevokeWays } from "./revoke.js";
import { FLUSH_LSN, type FlushLsnRow } from "./sql/flush_lsn.js";
import { oneRow } from "./sql/one_row.js";
import type { SqlRunner } from "./sql/runner.js";
import { SYNC_NAMES_STATE, type SyncNamesStateRow } from "./sql/sync_names_state.js";
import { TERMINATE_BACKENDS } from "./sql/terminate_backends.js";
import { WAL_MARK } from "./sql/wal_mark.js";
import { WALSENDERS_BEHIND, type WalsenderBehindRow } from "./sql/walsenders_behind.js";
import { WALSENDERS_NAMED, type WalsenderNamedRow } from "./sql/walsenders_named.js";

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

const POLL_MS = 2;
/** A walsender that has not passed the mark by half of the deadline is ended: its successor is born with the new value. */
const PATIENCE = 0.5;

/**
 * On a running leader: no commit is released under the old names after this resolves with `in_force`.
 * A reload is per process (trap 15): commits were acknowledged under the old names up to 88 ms after a fresh connection
 * showed the new ones. So every walsender must report a record that was written after the reload; before it reads that
 * report it has loaded the new value.
 */
export async function putNamesInForce(options: SyncNamesOptions): Promise<NamesOutcome> {
  const deadline = deadlineAfter(options.deadlineMs);
  const loaded = await reloadNames(options, deadline);
  if (loaded.kind === "failed") return loaded;
  await options.session.query(WAL_MARK);
  const mark = parseLsn((await oneRow<FlushLsnRow>(options.session, FLUSH_LSN)).flush_lsn);
  const behind = (everyone: Deadline) =>
    poll(everyone, POLL_MS, async () => empty(await walsendersBehind(options.session, loaded.loadedAt, mark)));
  const endedPids = new Set<number>();
  if ((await behind(deadlineAfter(deadline.leftMs() * PATIENCE))) === undefined) {
    const late = (await walsendersBehind(options.session, loaded.loadedAt, mark)).map((row) => row.pid);
    for (const pid of late) endedPids.add(pid);
    await options.session.query(TERMINATE_BACKENDS, [late]);
    if ((await behind(deadline)) === undefined)
      return stillBehind(await walsendersBehind(options.session, loaded.loadedAt, mark));
  }
  return { kind: "in_force", endedWalsenders: endedPids.size };
}

/**
 * On a standby about to be promoted: a fresh connection shows the value, so every later walsender is born with it,
 * and no walsender that the value names exists yet. `proven`: a connection that was opened since it was set showed it. No commit can be waiting here, so there is nothing else to prove.
 */
export async function putNamesBeforePromotion(
  options: SyncNamesOptions & { readonly proven: boolean },
): Promise<NamesOutcome> {
  const { names: shown } = await oneRow<SyncNamesStateRow>(options.session, SYNC_NAMES_STATE);
  if (!options.proven || shown !== options.names) {
    const loaded = await reloadNames(options, deadlineAfter(options.deadlineMs));
    if (loaded.kind === "failed") return loaded;
  }
  const named = await options.session.query<WalsenderNamedRow>(WALSENDERS_NAMED, [options.names]);
  if (named.length === 0) return { kind: "in_force", endedWalsenders: 0 };
  const holdouts = named.map((row) => row.application_name);
  return failed(`${holdouts.join(", ")} streams already, before the term has begun: two nodes use one name`, holdouts);
}

async function reloadNames(
  options: SyncNamesOptions,
  deadline: Deadline,
): Promise<Failed | { kind: "loaded"; loadedAt: string }> {
  if (options.names === "")
    return failed("synchronous_standby_names must never be empty: commits would wait for nobody");
  const before = await oneRow<SyncNamesStateRow>(options.session, SYNC_NAMES_STATE);
  // Going from empty to set takes effect only when the checkpointer reloads: thousands of unprotected commits (trap 16).
  if (before.names === "")
    return failed(
      "synchronous_standby_names is empty now, so a new value is not in force at once: start this Postgres safely",
    );
  await options.ways.setAutoConf({ synchronous_standby_names: options.names });
  await options.ways.reload();
  const loadedAt = await poll(deadline, POLL_MS, () =>
    options.ways.fresh((session) => loadedSince(session, before, options.names)),
  );
  if (loadedAt === undefined) {
    return failed(
      `a fresh connection does not show the new synchronous_standby_names within ${options.deadlineMs} ms: look for another file or ALTER SYSTEM that sets it`,
    );
  }
  return { kind: "loaded", loadedAt };
}

async function loadedSince(session: SqlRunner, before: SyncNamesStateRow, names: string): Promise<string | undefined> {
  const now = await oneRow<SyncNamesStateRow>(session, SYNC_NAMES_STATE);
  return now.names === names && BigInt(now.loaded_at) > BigInt(before.loaded_at) ? now.loaded_at : undefined;
}

function walsendersBehind(session: SqlRunner, loadedAt: string, mark: Lsn): Promise<WalsenderBehindRow[]> {
  return session.query<WalsenderBehindRow>(WALSENDERS_BEHIND, [loadedAt, formatLsn(mark)]);
}

function empty(rows: readonly unknown[]): true | undefined {
  return rows.length === 0 ? true : undefined;
}

type Failed = Extract<NamesOutcome, { kind: "failed" }>;

function stillBehind(rows: readonly WalsenderBehindRow[]): Failed {
  const holdouts = rows.map((row) => `${row.application_name} (pid ${row.pid})`);
  return failed(
    `walsenders that cannot be ended may release commits under the old names: ${holdouts.join(", ")}; kill them or fence`,
    holdouts,
  );
}

function failed(reason: string, holdouts: readonly string[] = []): Failed {
  return { kind: "failed", reason, holdouts };
}
