import type { Lsn } from "../core/log/lsn.js";
import { parseLsn } from "../core/log/lsn.js";
import type { NodeId, Ruleset, RulesetRecord } from "../core/ruleset/ruleset.js";
import { hasCode } from "./durable_files.js";
import { formatRuleset, parseRuleset } from "./ruleset_json.js";
import { ITERATIONS, ITERATIONS_RANDOM, scramVerifier } from "./scram_verifier.js";
import { FLUSH_LSN, type FlushLsnRow } from "./sql/flush_lsn.js";
import { oneRow } from "./sql/one_row.js";
import { ROLE_EXISTS, type RoleExistsRow } from "./sql/role_exists.js";
import { alterRolePassword, createReplicationRole } from "./sql/role_statements.js";
import { RULESET_CURRENT_CREATE } from "./sql/ruleset_current_create.js";
import { RULESET_END, type RulesetEndRow } from "./sql/ruleset_end.js";
import { RULESET_HISTORY_CREATE } from "./sql/ruleset_history_create.js";
import { RULESET_INSERT } from "./sql/ruleset_insert.js";
import { RULESET_LOCK } from "./sql/ruleset_lock.js";
import { type LockHolderRow, RULESET_LOCK_HOLDERS } from "./sql/ruleset_lock_holders.js";
import { RULESET_NEWEST } from "./sql/ruleset_newest.js";
import { RULESET_NUMBERS, type RulesetNumbersRow } from "./sql/ruleset_numbers.js";
import { RULESET_PRESENT, type RulesetPresentRow } from "./sql/ruleset_present.js";
import { RULESET_SCHEMA } from "./sql/ruleset_schema.js";
import { RULESET_SELECT, type RulesetSelectRow } from "./sql/ruleset_select.js";
import type { SqlRunner } from "./sql/runner.js";
import { TERMINATE_BACKENDS } from "./sql/terminate_backends.js";

export interface RulesetRow extends RulesetRecord {
  /** Why it was written, for people. */
  readonly cause: string;
}

/** Rows as read back; `none` when schema or table do not exist or the table is empty. */
export type RulesetsRead =
  | { readonly kind: "none" }
  | { readonly kind: "rows"; readonly rows: readonly RulesetRow[] }
  /** Somebody wrote into our table: the row and what is wrong with it. */
  | { readonly kind: "damaged"; readonly reason: string };

export interface FoundingOptions {
  readonly superuser: { readonly name: string; readonly password: string };
  /** `random`: drawn by a machine, so that hashing it thousands of times adds nothing. */
  readonly replication: { readonly name: string; readonly password: string; readonly random: boolean };
  readonly ruleset: Ruleset;
  readonly term: bigint;
  readonly writtenBy: NodeId;
  readonly cause: string;
}

const LOCK_TIMEOUT = "set local lock_timeout = '50ms'";
/** Our rows wait for nobody: whether they are durable is judged by positions, never by a COMMIT that returned. */
const LOCAL_COMMIT = "set local synchronous_commit = local";
const NO_TRIGGERS = "set local session_replication_role = replica";
const ATTEMPTS_MAX = 20;
const SQLSTATE_LOCK_NOT_AVAILABLE = "55P03";
const SQLSTATES_NO_TABLE = ["42P01", "3F000"];

/** Roles, schema and first ruleset in one local transaction (DESIGN 8). Returns the LSN that a quorum must pass. */
export async function foundCluster(session: SqlRunner, options: FoundingOptions): Promise<Lsn> {
  const { superuser, replication, term, ruleset, writtenBy, cause } = options;
  const row: RulesetRow = { number: { term, subterm: 0 }, state: "proposed", ruleset, writtenBy, cause };
  return localTransaction(session, async () => {
    await session.query(alterRolePassword(superuser.name, scramVerifier(superuser.password, ITERATIONS)));
    const { present } = await oneRow<RoleExistsRow>(session, ROLE_EXISTS, [replication.name]);
    const verifier = scramVerifier(replication.password, replication.random ? ITERATIONS_RANDOM : ITERATIONS);
    await session.query(
      present ? alterRolePassword(replication.name, verifier) : createReplicationRole(replication.name, verifier),
    );
    await lockTable(session);
    await insertRow(session, row);
  });
}

/**
 * Writes a row and flushes it; does not wait for any quorum. Returns the LSN that a quorum must pass for the row to be
 * durable. The session belongs to this call until it resolves. Schema and table are made again if somebody dropped
 * them, and whoever holds a lock on the table is ended: nothing of a user's may stand between a leader and its rules.
 *
 * `standing`: what still obliges, oldest first. If a proposal of these is gone from the table, all are written before the
 * row: alone, it would be taken for the log's first ruleset, which counts as decided.
 */
export async function writeRuleset(
  session: SqlRunner,
  row: RulesetRow,
  standing: readonly RulesetRecord[] = [],
): Promise<Lsn> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await localTransaction(session, async () => {
        await lockTable(session);
        if (!(await holdsAll(session, standing))) for (const lost of standing) await insertRow(session, again(lost));
        await insertRow(session, row);
      });
    } catch (error) {
      if (!hasCode(error, SQLSTATE_LOCK_NOT_AVAILABLE) || attempt === ATTEMPTS_MAX) throw error;
      await endLockHolders(session);
    }
  }
}

/** The table, made if it is not there, with nobody else writing to it until the transaction ends. */
async function lockTable(session: SqlRunner): Promise<void> {
  if (!(await oneRow<RulesetPresentRow>(session, RULESET_PRESENT)).present) {
    for (const part of [RULESET_SCHEMA, RULESET_HISTORY_CREATE, RULESET_CURRENT_CREATE]) await session.query(part);
  }
  await session.query(RULESET_LOCK);
}

async function holdsAll(session: SqlRunner, records: readonly RulesetRecord[]): Promise<boolean> {
  const numbers = records.filter(({ state }) => state === "proposed").map(({ number }) => number);
  if (numbers.length === 0) return true;
  const params = [numbers.map(({ term }) => String(term)), numbers.map(({ subterm }) => subterm)];
  return (await oneRow<RulesetNumbersRow>(session, RULESET_NUMBERS, params)).found === numbers.length;
}

function again(record: RulesetRecord): RulesetRow {
  return { ...record, cause: "it was gone from the table, and is written again" };
}

async function insertRow(session: SqlRunner, row: RulesetRow): Promise<void> {
  const { number, state, ruleset, writtenBy, cause } = row;
  const json = ruleset === null ? null : formatRuleset(ruleset);
  await session.query(RULESET_INSERT, [String(number.term), number.subterm, state, json, writtenBy, cause]);
}

/** Commits without waiting for a quorum; no trigger runs, and no lock is waited for longer than 50 ms. Returns where it ends. */
export async function localTransaction(session: SqlRunner, work: () => Promise<void>): Promise<Lsn> {
  await session.query("begin isolation level read committed read write");
  try {
    for (const setting of [LOCAL_COMMIT, NO_TRIGGERS, LOCK_TIMEOUT]) await session.query(setting);
    await work();
    await session.query("commit");
  } catch (error) {
    // On a session that is gone this fails too, and the first error says more.
    await session.query("rollback").catch(() => undefined);
    throw error;
  }
  // A local commit has flushed itself, so the flushed end of the WAL is at or behind the commit record.
  return parseLsn((await oneRow<FlushLsnRow>(session, FLUSH_LSN)).flush_lsn);
}

async function endLockHolders(session: SqlRunner): Promise<void> {
  const holders = await session.query<LockHolderRow>(RULESET_LOCK_HOLDERS);
  if (holders.some((holder) => holder.pid === null)) {
    throw new Error(
      "a prepared transaction holds a lock on quorate.ruleset_history: roll it back (ROLLBACK PREPARED, see pg_prepared_xacts)",
    );
  }
  await session.query(TERMINATE_BACKENDS, [holders.map((holder) => holder.pid)]);
}

/**
 * The youngest rows, for a leader that looks whether its own are there. Whoever keeps them locked is ended: a follower
 * that has replayed the lock, and not its end, could not read its rules in the recruitment of a successor. `locked` then.
 */
export async function readNewest(session: SqlRunner): Promise<RulesetsRead | { readonly kind: "locked" }> {
  try {
    return await read(session, RULESET_NEWEST);
  } catch (error) {
    if (!hasCode(error, SQLSTATE_LOCK_NOT_AVAILABLE)) throw error;
    await endLockHolders(session);
    return { kind: "locked" };
  }
}

/** What changes when a record is added; null when the table is not there, or locked. */
export async function rulesetsEnd(session: SqlRunner): Promise<string | null> {
  try {
    return (await oneRow<RulesetEndRow>(session, RULESET_END)).seq;
  } catch (error) {
    if (hasCode(error, SQLSTATE_LOCK_NOT_AVAILABLE, ...SQLSTATES_NO_TABLE)) return null;
    throw error;
  }
}

/** Oldest first; works on a standby. */
export async function readRulesets(session: SqlRunner): Promise<RulesetsRead> {
  try {
    return await read(session, RULESET_SELECT);
  } catch (cause) {
    if (!hasCode(cause, SQLSTATE_LOCK_NOT_AVAILABLE)) throw cause;
    throw new Error(
      "quorate.ruleset_history is locked: on a standby by a transaction that was open when its leader died, and that only a leader could end",
      { cause },
    );
  }
}

async function read(session: SqlRunner, statement: string): Promise<RulesetsRead> {
  let found: RulesetSelectRow[];
  try {
    found = await session.query<RulesetSelectRow>(statement);
  } catch (error) {
    if (hasCode(error, ...SQLSTATES_NO_TABLE)) return { kind: "none" };
    throw error;
  }
  if (found.length === 0) return { kind: "none" };
  const rows: RulesetRow[] = [];
  for (const row of found) {
    const parsed = parseRow(row);
    if (typeof parsed === "string")
      return { kind: "damaged", reason: `row ${row.seq} of quorate.ruleset_history: ${parsed}` };
    rows.push(parsed);
  }
  return { kind: "rows", rows };
}

function parseRow(row: RulesetSelectRow): RulesetRow | string {
  const { state } = row;
  if (state !== "proposed" && state !== "decided" && state !== "void") return `unknown state ${JSON.stringify(state)}`;
  const shared = {
    number: { term: BigInt(row.term), subterm: row.subterm },
    writtenBy: row.written_by,
    cause: row.cause,
  };
  if (state !== "proposed") return { ...shared, state, ruleset: null };
  if (row.ruleset === null) return "a proposed ruleset without a ruleset";
  const parsed = parseRuleset(row.ruleset);
  return "fault" in parsed ? parsed.fault : { ...shared, state, ruleset: parsed.ruleset };
}
