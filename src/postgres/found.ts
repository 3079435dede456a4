/**
 * Looks at a Postgres that runs when the sidecar starts, and tells the core what it is. Nothing is changed, and nothing is
 * told that was not seen; whatever cannot be seen in time leaves the Postgres to be ended and started safely.
 */
import type { FoundPostgres, FoundPrimary, FoundStandby } from "../core/keeper/adoption.js";
import type { LeftBehind } from "../core/lease/left_behind.js";
import type { History } from "../core/log/history.js";
import { parseLsn } from "../core/log/lsn.js";
import type { Term } from "../core/log/position.js";
import type { RulesetRecord } from "../core/ruleset/ruleset.js";
import { archiveCommandOf } from "./archiving.js";
import { settingOf } from "./conninfo.js";
import { takeDeparture } from "./departure.js";
import { fuseOfBefore } from "./fuse.js";
import { Instance } from "./instance.js";
import type { LocalPostgresOptions } from "./local_options.js";
import { observeLeader, observeStandby } from "./observe.js";
import { sendersOf, standbyFlushLsn } from "./observer.js";
import { findOurPostmaster } from "./postmaster_record.js";
import { readHistory } from "./replication/history_file.js";
import type { Identity } from "./revoke.js";
import { localTransaction, readRulesets } from "./ruleset_table.js";
import { ARCHIVE_COMMAND, type ArchiveCommandRow } from "./sql/archive_command.js";
import { FLUSH_LSN, type FlushLsnRow } from "./sql/flush_lsn.js";
import { IN_RECOVERY, type InRecoveryRow } from "./sql/in_recovery.js";
import { oneRow } from "./sql/one_row.js";
import { RECEIVER_CONNINFO, type ReceiverConninfoRow } from "./sql/receiver_conninfo.js";
import { RULESET_LOCK } from "./sql/ruleset_lock.js";
import { probe } from "./startup_probe.js";
import { waysOf } from "./ways.js";

/** Ours, attached to, and what is known of it. Nothing is done with it before the core says so. */
export interface Candidate {
  readonly instance: Instance;
  readonly facts: FoundPostgres;
}

type FindOptions = Pick<LocalPostgresOptions, "self" | "start" | "idAt" | "warn">;

const KNOCK_TIMEOUT_MS = 1_000;
/** A Postgres that does not show what it is within this long is ended: nobody is served better by waiting. */
const DEADLINE_MS = 5_000;
/** How much later than this sidecar a fuse may learn that the one before is dead, on a busy machine. */
const FUSE_WRITES_MS = 300;

/** The Postgres that runs in this directory, if it is ours and shows what it is; null if none does, or it is to be ended. */
export async function findRunning(options: FindOptions): Promise<Candidate | null> {
  const found = await findInTime(options);
  if (typeof found !== "string") return found;
  options.warn(`a Postgres runs here, and is ended: ${found}`, found);
  return null;
}

async function findInTime(options: FindOptions): Promise<Candidate | string | null> {
  const postmaster = await findOurPostmaster(options.start);
  if (postmaster === null || typeof postmaster === "string") return postmaster;
  const { start } = options;
  let late = false;
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<string>((done) => {
    timer = setTimeout(() => {
      late = true;
      done(`it did not answer within ${DEADLINE_MS} ms`);
    }, DEADLINE_MS);
  });
  const looked = Instance.attach({ start, superuser: start.hba.superuser }, postmaster).then(async (instance) => {
    const found = await lookAt(instance, options).catch((error: unknown) => explain(error));
    // Whoever comes too late is not waited for any more, and must not keep sessions on a Postgres that is being ended.
    if (late || typeof found === "string") await instance.leave();
    return found;
  });
  try {
    return await Promise.race([looked.catch((error: unknown) => explain(error)), deadline]);
  } finally {
    clearTimeout(timer);
  }
}

async function lookAt(instance: Instance, options: FindOptions): Promise<Candidate | string> {
  const { session, running } = instance;
  const door = await probe({ host: running.socketDir, port: options.start.port }, KNOCK_TIMEOUT_MS);
  if (door.kind === "unknown") return `its door is neither open nor shut: ${door.reason}`;
  const identity = await waysOf(instance).identify();
  const { in_recovery } = await oneRow<InRecoveryRow>(session, IN_RECOVERY);
  if (!in_recovery && door.kind === "open" && !(await archivesAsWanted(instance, options)))
    return "it was killed before its archiving had begun, or archives by another command";
  const left = await leftBehind(options, in_recovery);
  const seen = in_recovery ? await standby(instance, options) : await primary(instance, identity, left);
  if (typeof seen === "string") return seen;
  const { timeline, rulesets, ...rest } = seen;
  const history = await historyOf(options.start.dataDir, timeline);
  if (typeof history === "string") return history;
  const systemIdentifier = await instance.systemIdentifier();
  const common = { postmasterPid: running.pid, systemIdentifier, door: door.kind, history, rulesets };
  return { instance, facts: { ...common, ...rest } };
}

/** What the sidecar before left a leader with. A standby needs nothing of it, and nobody waits for it there. */
async function leftBehind({ start }: FindOptions, isStandby: boolean): Promise<LeftBehind | null> {
  const burns = await fuseOfBefore(start.stateDir);
  const untilMs = performance.now() + FUSE_WRITES_MS;
  const left = await takeDeparture(start.stateDir, () => !isStandby && burns() && performance.now() < untilMs);
  return isStandby ? null : left;
}

async function archivesAsWanted({ session }: Instance, { start }: FindOptions): Promise<boolean> {
  const { archive_command } = await oneRow<ArchiveCommandRow>(session, ARCHIVE_COMMAND);
  return archive_command === (archiveCommandOf(start.userSettings) ?? "");
}

interface Seen {
  readonly timeline: Term;
  readonly flushLsn: FoundPostgres["flushLsn"];
  readonly rulesets: readonly RulesetRecord[];
  readonly as: FoundPrimary | FoundStandby;
}

async function primary(
  instance: Instance,
  { timeline, names }: Identity,
  left: LeftBehind | null,
): Promise<Seen | string> {
  const { session } = instance;
  let rulesets: readonly RulesetRecord[] | string = [];
  // A record that the sidecar before was writing is there or will never be, once the lock that it is written under is ours.
  await localTransaction(session, async () => {
    await session.query(RULESET_LOCK);
    rulesets = await recordsOf(instance);
  });
  if (typeof rulesets === "string") return rulesets;
  const flushLsn = parseLsn((await oneRow<FlushLsnRow>(session, FLUSH_LSN)).flush_lsn);
  const senders = sendersOf(await observeLeader(session));
  return { timeline, flushLsn, rulesets, as: { kind: "primary", names, senders, left } };
}

async function standby(instance: Instance, { self, idAt }: FindOptions): Promise<Seen | string> {
  const { session } = instance;
  const { setting, receiver } = await oneRow<ReceiverConninfoRow>(session, RECEIVER_CONNINFO);
  const view = await observeStandby(session);
  const timeline = view.walreceiver?.receivedTimeline ?? null;
  if (receiver === null || view.walreceiver?.status !== "streaming" || timeline === null)
    return "it streams from nobody";
  const name = settingOf(receiver, "application_name");
  const term = new RegExp(`^${self}@(\\d+)$`).exec(name ?? "")?.[1];
  if (term === undefined || settingOf(setting, "application_name") !== name)
    return `it streams as ${name}, and is to stream as ${settingOf(setting, "application_name")}`;
  const place = { host: settingOf(receiver, "host") ?? "", port: Number(settingOf(receiver, "port")) };
  const leader = idAt(place);
  if (leader === null) return `it streams from ${place.host}:${place.port}, where no node of the configuration is`;
  const rulesets = await recordsOf(instance);
  if (typeof rulesets === "string") return rulesets;
  const as = { kind: "standby", leader, term: BigInt(term) } as const;
  return { timeline, flushLsn: standbyFlushLsn(view), rulesets, as };
}

async function recordsOf({ session }: Instance): Promise<readonly RulesetRecord[] | string> {
  const read = await readRulesets(session);
  if (read.kind === "damaged") return `its table of rulesets is damaged: ${read.reason}`;
  return read.kind === "rows" ? read.rows : [];
}

async function historyOf(dataDir: string, timeline: Term): Promise<History | string> {
  const read = await readHistory(dataDir, timeline);
  if (read.kind === "history") return read.history;
  return read.kind === "refused" ? read.reason : `it has no history of timeline ${timeline}`;
}

function explain(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
