import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import type { History } from "../core/log/history.js";
import type { Lsn } from "../core/log/lsn.js";
import { formatLsn, parseLsn } from "../core/log/lsn.js";
import type { Position, Term } from "../core/log/position.js";
import { formatPosition } from "../core/log/position.js";
import type { Seat } from "../core/ruleset/seats.js";
import { readControlData } from "./control_data.js";
import { hasCode, syncDirectory } from "./durable_files.js";
import type { OsUser } from "./os_user.js";
import { type Deadline, deadlineAfter, poll } from "./polling.js";
import { takeRecycled } from "./recycled_segments.js";
import { readHistory, realHistoryAbove } from "./replication/history_file.js";
import { writePlaceholders } from "./replication/placeholders.js";
import type { RevokeWays } from "./revoke.js";
import { serveOnly } from "./slots.js";
import { CHECKPOINT } from "./sql/checkpoint.js";
import { END_CLIENTS, type EndClientsRow } from "./sql/end_clients.js";
import { IN_RECOVERY, type InRecoveryRow } from "./sql/in_recovery.js";
import { oneRow } from "./sql/one_row.js";
import { PROMOTE_REQUEST } from "./sql/promote_request.js";
import { PROMOTION_END, type PromotionEndRow } from "./sql/promotion_end.js";
import { PROMOTION_START, type PromotionStartRow } from "./sql/promotion_start.js";
import type { SqlRunner } from "./sql/runner.js";
import { type FreshSession, putNamesBeforePromotion } from "./sync_names.js";

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
  /** They were set before, and a connection opened since then showed them. */
  readonly namesProven: boolean;
  /** Another session of ours: slots are made on it while the door is shut. */
  readonly slotSession: SqlRunner;
  /** Each gets a physical slot. */
  readonly followers: readonly Seat[];
  /** Backends that stay (our own sessions); all other clients are ended (trap 22). */
  readonly keepPids: readonly number[];
  /** Shuts the door, and ends every session that is not ours. */
  readonly shutDoor: () => Promise<void>;
  readonly deadlineMs: number;
}

export interface Promoted {
  readonly kind: "promoted";
  readonly history: History;
  /** Where the new timeline branched off: the position it was promoted at. */
  readonly switchLsn: Lsn;
  /** Flushed end of the WAL once out of recovery. */
  readonly flushLsn: Lsn;
  /** Waits of this promotion in ms: names in force and door shut, then out of recovery, then verified with slots. */
  readonly namesMs: number;
  readonly recoveryMs: number;
}

export type PromoteOutcome =
  | Promoted
  /** Postgres was not asked: the reason says what must be done before this term is tried again, if it may be. */
  | { readonly kind: "refused"; readonly code: RefusedCode; readonly reason: string }
  /** It may have happened, or happened wrongly: fence, safe-start, never try this term again. */
  | { readonly kind: "failed"; readonly reason: string };

export type RefusedCode = "history_above" | "position_moved" | "not_in_recovery" | "names" | "sessions";

type NotPromoted = Exclude<PromoteOutcome, Promoted>;

const POLL_MS = 1;
/** A request that arrives as the walreceiver dies is swallowed until the next retry of its own (POSTGRES.md C). */
const NUDGE_EVERY_MS = 10;
const SQLSTATE_NOT_IN_RECOVERY = "55000";

/**
 * Promotes a revoked standby to timeline `term`, exactly once, and verifies that it is (POSTGRES.md A.4 to A.6).
 * The caller has persisted that the promotion starts.
 */
export async function promote(options: PromoteOptions): Promise<PromoteOutcome> {
  const deadline = deadlineAfter(options.deadlineMs);
  const refusal = (await unfit(options)) ?? (await prepare(options, deadline));
  if (refusal !== undefined) return refusal;
  const namesMs = deadline.elapsedMs();
  const left = await leaveRecovery(options.session, deadline);
  if (left === undefined) return failed(`Postgres is still in recovery after ${options.deadlineMs} ms`);
  // A nudge too many leaves its request behind; the next start would remove it too.
  await rm(join(options.dataDir, "promote"), { force: true });
  const recoveryMs = deadline.elapsedMs() - namesMs;
  const [verified] = await Promise.all([verify(options), putStandbySignal(options.dataDir, options.user)]);
  if (verified.kind === "failed") return verified;
  return { ...verified, namesMs, recoveryMs };
}

/** Why nothing may be started here, before anything is touched. */
async function unfit({ session, dataDir, position, term }: PromoteOptions): Promise<NotPromoted | undefined> {
  const start = await oneRow<PromotionStartRow>(session, PROMOTION_START);
  if (!start.in_recovery)
    return refused("not_in_recovery", "Postgres is out of recovery already: fence it and start it safely");
  if (start.replay_lsn === null || parseLsn(start.replay_lsn) !== position.lsn) {
    return refused(
      "position_moved",
      `replay stands at ${start.replay_lsn ?? "nothing"}, not at ${formatPosition(position)}: recruit this node again`,
    );
  }
  if (start.receivers !== "0")
    return refused("position_moved", "a walreceiver runs: revoke and recruit this node again");
  // It would be promoted with a history that claims a timeline it never reached (trap 4).
  const above = await realHistoryAbove(dataDir, position.timeline);
  if (above === undefined) return undefined;
  return refused(
    "history_above",
    `timeline ${above} is known here but not held: safe-start this Postgres, then promote to ${term}`,
  );
}

/** What must be in force before Postgres is asked. */
async function prepare(options: PromoteOptions, deadline: Deadline): Promise<NotPromoted | undefined> {
  const { dataDir, term, user, position } = options;
  await writePlaceholders({ dataDir, held: position.timeline, term, user });
  const names = await putNamesBeforePromotion({
    ...options,
    proven: options.namesProven,
    deadlineMs: deadline.leftMs(),
  });
  if (names.kind === "failed") return refused("names", names.reason);
  // After the names, whose proof opens connections of its own that the sweep behind the door would end.
  // The slots meanwhile, since followers are called as soon as it is promoted.
  const slots = serveOnly(options.slotSession, options.followers, deadline.leftMs());
  await Promise.all([options.shutDoor(), slots, makeRoom(options)]);
  const ended = await poll(deadline, POLL_MS, async () => {
    const rows = await options.session.query<EndClientsRow>(END_CLIENTS, [options.keepPids]);
    return rows.length === 0 ? true : undefined;
  });
  if (ended === undefined)
    return refused("sessions", "sessions of clients do not end, and would become writable: kill their backends");
  return undefined;
}

/** What Postgres would do in the promotion itself, and more slowly. */
async function makeRoom({ dataDir, term, position }: PromoteOptions): Promise<void> {
  const { walSegmentBytes } = await readControlData(dataDir);
  await takeRecycled({ dataDir, term, end: position.lsn, segmentBytes: BigInt(walSegmentBytes) });
}

async function leaveRecovery(session: SqlRunner, deadline: Deadline): Promise<true | undefined> {
  let nudgedAtMs = Number.NEGATIVE_INFINITY;
  return poll(deadline, POLL_MS, async () => {
    if (deadline.elapsedMs() - nudgedAtMs >= NUDGE_EVERY_MS) {
      nudgedAtMs = deadline.elapsedMs();
      await requestPromotion(session);
    }
    // A short query each time: one that waits would hold a snapshot.
    return (await oneRow<InRecoveryRow>(session, IN_RECOVERY)).in_recovery ? undefined : true;
  });
}

async function requestPromotion(session: SqlRunner): Promise<void> {
  try {
    await session.query(PROMOTE_REQUEST);
  } catch (error) {
    if (!hasCode(error, SQLSTATE_NOT_IN_RECOVERY)) throw error;
  }
}

/** Postgres removed it; with it back, whatever restarts this Postgres gets a standby (POSTGRES.md A.6). */
export async function putStandbySignal(dataDir: string, user: OsUser): Promise<void> {
  const handle = await open(join(dataDir, "standby.signal"), "w", 0o600);
  try {
    if (user.drop) await handle.chown(user.uid, user.gid);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await syncDirectory(dataDir);
}

type Verified = Omit<Promoted, "namesMs" | "recoveryMs"> | Extract<PromoteOutcome, { kind: "failed" }>;

/** Postgres chose the number, so it is looked at twice: where it writes now, and what it wrote about its past. */
async function verify({ session, dataDir, term, position }: PromoteOptions): Promise<Verified> {
  const end = await oneRow<PromotionEndRow>(session, PROMOTION_END);
  const timeline = BigInt(`0x${end.wal_file.slice(0, 8)}`);
  if (timeline !== term) return failed(`Postgres chose timeline ${timeline}, not ${term}`);
  const file = await readHistory(dataDir, term);
  if (file.kind !== "history")
    return failed(`timeline ${term} has no history: ${file.kind === "refused" ? file.reason : file.kind}`);
  const parent = file.history.ancestors.at(-1);
  if (parent === undefined || parent.timeline !== position.timeline || parent.end !== position.lsn) {
    const branched = parent === undefined ? "nothing" : `${parent.timeline}:${formatLsn(parent.end)}`;
    return failed(`timeline ${term} branched off ${branched}, not off ${formatPosition(position)}`);
  }
  return { kind: "promoted", history: file.history, switchLsn: parent.end, flushLsn: parseLsn(end.flush_lsn) };
}

/** To be run in the background after a promotion, so that a rewind by anybody finds the new timeline (trap 8). */
export async function checkpoint(session: SqlRunner): Promise<void> {
  await session.query(CHECKPOINT);
}

function refused(code: RefusedCode, reason: string): NotPromoted {
  return { kind: "refused", code, reason };
}

function failed(what: string): Extract<PromoteOutcome, { kind: "failed" }> {
  return { kind: "failed", reason: `${what}: fence, start safely and use a new term` };
}
