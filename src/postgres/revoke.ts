import type { History } from "../core/log/history.js";
import type { Lsn } from "../core/log/lsn.js";
import { formatLsn, parseLsn } from "../core/log/lsn.js";
import type { Position, Term } from "../core/log/position.js";
import { hasCode } from "./durable_files.js";
import { type Deadline, deadlineAfter, poll } from "./polling.js";
import { readHistory } from "./replication/history_file.js";
import { oneRow } from "./sql/one_row.js";
import { REPLAY_PAUSE } from "./sql/replay_pause.js";
import { REPLAY_RESUME } from "./sql/replay_resume.js";
import { REVOCATION_STATE, type RevocationStateRow } from "./sql/revocation_state.js";
import type { SqlRunner } from "./sql/runner.js";

/** The answer of IDENTIFY_SYSTEM. */
export interface Identity {
  readonly systemIdentifier: bigint;
  readonly timeline: Term;
  readonly lsn: Lsn;
  /** synchronous_standby_names as this connection shows it. */
  readonly names: string;
}

/** How the caller reaches the parts of Postgres that SQL does not. */
export interface RevokeWays {
  /** Writes postgresql.auto.conf (ALTER SYSTEM may be off). */
  setAutoConf(settings: Readonly<Record<string, string>>): Promise<void>;
  /** Makes the postmaster reload: SIGHUP or pg_reload_conf(). */
  reload(): Promise<void>;
  /** IDENTIFY_SYSTEM on a replication connection opened after the reload was seen: that it could be forked is part of the proof. */
  identify(): Promise<Identity>;
}

export interface RevokeOptions {
  readonly session: SqlRunner;
  readonly ways: RevokeWays;
  /** Replay may take long, and is part of the outage: this bounds a hang, not the work. */
  readonly deadlineMs: number;
}

export interface RevocationOptions extends RevokeOptions {
  /** Settings that take the same reload: what a promotion would otherwise wait for a second time. */
  readonly alongside?: Readonly<Record<string, string>>;
  /** Told once, when our own session has seen the reload: a connection that is forked from now on serves `identify`. */
  readonly reloaded?: () => void;
}

export interface PositionOptions extends RevokeOptions {
  readonly dataDir: string;
}

/** Could not be done in time, or Postgres contradicted itself; the message names what was seen and what to do. */
export class RevokeFailed extends Error {
  override readonly name = "RevokeFailed";
}

const POLL_MS = 1;
/** POSTGRES.md A.2: one empty answer may be the moment between two walreceivers. */
const EMPTY_POLLS = 3;
/** The startup process found nothing to read anywhere and sleeps; it never sleeps here beside a walreceiver. */
const WAIT_NOTHING_TO_READ = "RecoveryRetrieveRetryInterval";
const PAUSED = "paused";
const NOT_PAUSED = "not paused";
/** Each round that fails saw records replayed, so rounds are bounded by the WAL there is. */
const ROUNDS_MAX = 1000;

/**
 * Stops streaming for good (POSTGRES.md A.2, trap 6). An empty primary_conninfo alone does not: with replay paused
 * or in conflict the startup process never looks at it, and the walreceiver streams and acknowledges on.
 * That the startup process itself has loaded the empty value is proven by `finalPosition`, which must follow.
 */
export async function revoke({ session, ways, deadlineMs, alongside, reloaded }: RevocationOptions): Promise<void> {
  const deadline = deadlineAfter(deadlineMs);
  const before = await readState(session);
  await ways.setAutoConf({ ...alongside, primary_conninfo: "" });
  await ways.reload();
  let emptyPolls = 0;
  let seen = false;
  const done = await poll(deadline, POLL_MS, async () => {
    const state = await readState(session);
    if (!seen && state.loadedAt !== before.loadedAt) {
      seen = true;
      reloaded?.();
    }
    if (state.receiverPid === null) emptyPolls++;
    else {
      emptyPolls = 0;
      terminate(state.receiverPid);
    }
    return emptyPolls >= EMPTY_POLLS && seen ? true : undefined;
  });
  if (done === undefined) {
    throw new RevokeFailed(`streaming did not stop within ${deadlineMs} ms: fence this Postgres and start it safely`);
  }
}

/** pg_terminate_backend refuses auxiliary processes, so the signal is sent from here. */
function terminate(pid: number): void {
  try {
    process.kill(pid, "SIGTERM");
  } catch (error) {
    if (!hasCode(error, "ESRCH")) throw error;
  }
}

/**
 * Timeline and LSN of the last complete record of a *revoked* standby, after replaying all it has (POSTGRES.md A.3).
 *
 * 1. A connection forked after our own session saw the reload: the postmaster is done signalling, so the startup
 *    process has the signal too. (A reload is per process, trap 15.)
 * 2. A handshake: the startup process, found asleep with nothing to read, is asked to pause, confirms, is let go, and
 *    falls asleep again at the same LSN. It has by then loaded the empty primary_conninfo, tried pg_wal once more and
 *    found no complete record. A partial last record, which keeps receive > replay for ever, needs no waiting.
 * 3. The timeline is the one IDENTIFY_SYSTEM reports for replay, and it is held against the history: a node that only
 *    follows a timeline, its replay standing at the switch point, has its last record in the parent.
 */
export async function finalPosition({ session, ways, dataDir, deadlineMs }: PositionOptions): Promise<Position> {
  const deadline = deadlineAfter(deadlineMs);
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const replayed = await asleepAt(session, deadline);
    const identity = await ways.identify();
    if ((await handshake(session, deadline)) !== replayed) continue;
    return { timeline: await timelineOfRecord(dataDir, identity.timeline, replayed), lsn: replayed };
  }
  throw new RevokeFailed(
    "replay went on in every round: something still feeds this standby; fence it and start it safely",
  );
}

interface State {
  readonly loadedAt: string;
  readonly receiverPid: number | null;
  readonly receiveLsn: Lsn | null;
  readonly replayLsn: Lsn | null;
  readonly pauseState: string;
  readonly startupWait: string | null;
}

async function readState(session: SqlRunner): Promise<State> {
  const row = await oneRow<RevocationStateRow>(session, REVOCATION_STATE);
  return {
    loadedAt: row.loaded_at,
    receiverPid: row.receiver_pid,
    receiveLsn: row.receive_lsn === null ? null : parseLsn(row.receive_lsn),
    replayLsn: row.replay_lsn === null ? null : parseLsn(row.replay_lsn),
    pauseState: row.pause_state,
    startupWait: row.startup_wait,
  };
}

/** Waits until replay has come to an end, and says where. A pause, the user's own too, would hide what was received. */
async function asleepAt(session: SqlRunner, deadline: Deadline): Promise<Lsn> {
  let last: State | undefined;
  const asleep = await poll(deadline, POLL_MS, async () => {
    const state = await readState(session);
    last = state;
    if (state.pauseState !== NOT_PAUSED) await session.query(REPLAY_RESUME);
    else if (state.receiverPid !== null)
      throw new RevokeFailed("a walreceiver runs: revoke before asking for the position");
    else if (state.startupWait === WAIT_NOTHING_TO_READ) return state.replayLsn ?? undefined;
    return undefined;
  });
  if (asleep !== undefined) return asleep;
  const at = last?.replayLsn === undefined || last.replayLsn === null ? "nothing" : formatLsn(last.replayLsn);
  throw new RevokeFailed(
    `replay has not come to an end: at ${at}, waiting for ${last?.startupWait ?? "nothing"}; end the queries it conflicts with, or ask again`,
  );
}

/** Where replay stands after the startup process has once more looked for WAL, on our demand. */
async function handshake(session: SqlRunner, deadline: Deadline): Promise<Lsn> {
  await session.query(REPLAY_PAUSE);
  try {
    const paused = await poll(deadline, POLL_MS, async () =>
      (await readState(session)).pauseState === PAUSED ? true : undefined,
    );
    if (paused === undefined)
      throw new RevokeFailed("the startup process does not answer: fence this Postgres and start it safely");
  } finally {
    await session.query(REPLAY_RESUME);
  }
  return asleepAt(session, deadline);
}

async function timelineOfRecord(dataDir: string, replayed: Term, lsn: Lsn): Promise<Term> {
  const file = await readHistory(dataDir, replayed);
  switch (file.kind) {
    case "history":
      return timelineAt(file.history, lsn);
    // A clone may lack the file of its own timeline until it streams; what was replayed is of that timeline all the same.
    case "missing":
      return replayed;
    case "placeholder":
      throw new RevokeFailed(
        `timeline ${replayed} was replayed but its history file is a placeholder; clone this node again`,
      );
    case "refused":
      throw new RevokeFailed(file.reason);
  }
}

/** The timeline of the record that ends at `lsn`. A timeline owns the record that ends at its own switch point. */
export function timelineAt(history: History, lsn: Lsn): Term {
  return history.ancestors.find((ancestor) => lsn <= ancestor.end)?.timeline ?? history.timeline;
}
