/**
 * What sidecars keep of each term for people, in the WAL like the rulesets: so it survives restarts and failovers, every
 * node can tell it, and a wiped node gets it back with its data. A table of its own, that no sidecar decides anything by.
 */
import { z } from "zod";
import type { LeadershipLog, LoggedRecord } from "../core/leaderships.js";
import type { TermEvidence } from "../core/term_evidence.js";
import { hasCode } from "./durable_files.js";
import { localTransaction } from "./ruleset_table.js";
import { LEADERSHIP_CREATE } from "./sql/leadership_create.js";
import { LEADERSHIP_INSERT } from "./sql/leadership_insert.js";
import { LEADERSHIP_PRESENT, type LeadershipPresentRow } from "./sql/leadership_present.js";
import { LEADERSHIP_SELECT, type LeadershipSelectRow } from "./sql/leadership_select.js";
import { oneRow } from "./sql/one_row.js";
import { RULESET_LOG, type RulesetLogRow } from "./sql/ruleset_log.js";
import { RULESET_SCHEMA } from "./sql/ruleset_schema.js";
import type { SqlRunner } from "./sql/runner.js";

/** What is told at once: some thousand terms, and far less than a message may hold. */
const ROWS_MAX = 2_000;
const SQLSTATES_NO_TABLE = ["42P01", "3F000"];

const ms = z.number().nonnegative();
const EVIDENCE = z.object({
  coordinator: z.string(),
  cause: z.string(),
  recruited: z.array(z.string()),
  founding: z.boolean(),
  started_unix_ms: ms.nullable(),
  detect_ms: ms.nullable(),
  recruit_ms: ms.nullable(),
  promote_ms: ms,
  establish_ms: ms,
});

/**
 * Once a term. Waits for no quorum and, beyond the lock timeout, for no lock.
 * @throws whatever Postgres says; the history then has this term without its phases.
 */
export async function keepEvidence(session: SqlRunner, evidence: TermEvidence): Promise<void> {
  const { term, leader } = evidence;
  const json: z.infer<typeof EVIDENCE> = {
    coordinator: evidence.coordinator,
    cause: evidence.cause,
    recruited: [...evidence.recruited],
    founding: evidence.founding,
    started_unix_ms: evidence.startedUnixMs,
    detect_ms: evidence.detectMs,
    recruit_ms: evidence.recruitMs,
    promote_ms: evidence.promoteMs,
    establish_ms: evidence.establishMs,
  };
  await localTransaction(session, async () => {
    if (!(await oneRow<LeadershipPresentRow>(session, LEADERSHIP_PRESENT)).present) {
      for (const part of [RULESET_SCHEMA, LEADERSHIP_CREATE]) await session.query(part);
    }
    await session.query(LEADERSHIP_INSERT, [String(term), leader, JSON.stringify(json)]);
  });
}

/** Works on a standby. A table that is not there holds nothing. @throws when it cannot be read now. */
export async function readLeadershipLog(session: SqlRunner): Promise<LeadershipLog> {
  const records = await rowsOf<RulesetLogRow>(session, RULESET_LOG);
  const kept = await rowsOf<LeadershipSelectRow>(session, LEADERSHIP_SELECT);
  return { records: records.reverse().flatMap(recordOf), evidence: kept.flatMap(evidenceOf) };
}

async function rowsOf<Row extends Record<string, unknown>>(session: SqlRunner, statement: string): Promise<Row[]> {
  try {
    return await session.query<Row>(statement, [ROWS_MAX]);
  } catch (error) {
    if (hasCode(error, ...SQLSTATES_NO_TABLE)) return [];
    throw error;
  }
}

function recordOf({ term, subterm, state, written_by, cause, at }: RulesetLogRow): LoggedRecord[] {
  if (state !== "proposed" && state !== "decided" && state !== "void") return [];
  return [{ number: { term: BigInt(term), subterm }, state, writtenBy: written_by, cause, at }];
}

/** What somebody else wrote there tells nothing. */
function evidenceOf({ term, leader, evidence }: LeadershipSelectRow): TermEvidence[] {
  const parsed = EVIDENCE.safeParse(JSON.parse(evidence));
  if (!parsed.success) return [];
  const { started_unix_ms, detect_ms, recruit_ms, promote_ms, establish_ms, ...same } = parsed.data;
  const phases = { detectMs: detect_ms, recruitMs: recruit_ms, promoteMs: promote_ms, establishMs: establish_ms };
  return [{ ...same, ...phases, term: BigInt(term), leader, startedUnixMs: started_unix_ms }];
}
