/**
 * pg_rewind, done to a stopped data directory of ours (DESIGN 5.7; POSTGRES.md B, trap 8, and D).
 *
 * The marker is durable before anything is touched, and goes only once Postgres has started on the outcome and is
 * consistent. pg_rewind copies the source's WAL as it was when it looked, and what the copied pages need may have been
 * written after that: so this first start streams from the source, under a name and through a slot that no commit counts.
 */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { Client } from "pg";
import type { Term } from "../core/log/position.js";
import { nothingCopied } from "../core/rejoin_facts.js";
import type { Seat } from "../core/ruleset/seats.js";
import { conninfo, NOTICED_WHEN_GONE } from "./conninfo.js";
import { readControlData } from "./control_data.js";
import { CopyPace, type Told } from "./copy_pace.js";
import { fence } from "./fence.js";
import { lowerPriority, withLowDiskPriority } from "./gentle.js";
import { spawnIdentity } from "./os_user.js";
import { postgresEnvironment } from "./process.js";
import { clearTorn, markTorn } from "./rewind_marker.js";
import { localTransaction } from "./ruleset_table.js";
import type { SafeStartOptions } from "./safe_start.js";
import { slotName } from "./slots.js";
import type { Source } from "./sources.js";
import { oneRow } from "./sql/one_row.js";
import { REWIND_FUNCTIONS, REWIND_GRANTED, type RewindGrantedRow } from "./sql/rewind_granted.js";
import { grantExecute } from "./sql/role_statements.js";
import type { SqlRunner } from "./sql/runner.js";
import { SOURCE_CHECKPOINT, type SourceCheckpointRow } from "./sql/source_checkpoint.js";

export interface RewindOptions {
  readonly self: Seat;
  readonly term: Term;
  readonly source: Source;
  readonly start: SafeStartOptions;
  /** Starts Postgres as a standby that receives by these settings, until it is consistent. */
  readonly startReceiving: (settings: Readonly<Record<string, string>>) => Promise<unknown>;
  /** Ends it where it is; what is left is no log. */
  readonly signal: AbortSignal;
  readonly onProgress: (told: Told) => void;
  /** A line that the program said. */
  readonly said: (line: string) => void;
}

const CONNECT_TIMEOUT_S = 5;
/** How often the source is looked at while its WAL is awaited, and how often in a row it may give no answer. */
const LOOK_MS = 1_000;
const LOOKS_MISSED_MAX = 5;
/** It reads as much as there is; this bounds a hang. A source whose host vanished is noticed by its connection. */
const PROGRAM_DEADLINE_MS = 6 * 3_600_000;
/** What a failure shows of what the program said. */
const LINES_SHOWN = 4;
/** In kB, as https://www.postgresql.org/docs/current/app-pgrewind.html prints it with --progress. */
const PROGRESS = /^\s*(\d+)\/(\d+) kB \(\d{1,3}%\) copied/;
const NOTHING_DONE = /no rewind required/;

/** @throws when it did not come to its end; what is left is then no log, unless no marker was written. */
export async function rewind(options: RewindOptions): Promise<void> {
  const { start, source, term } = options;
  const { state } = await readControlData(start.dataDir);
  if (state !== "shut down" && state !== "shut down in recovery")
    throw new Error(`Postgres was not stopped cleanly before its rewind: it is ${JSON.stringify(state)}`);
  await checkSource(source, term);
  await markTorn(start.dataDir, start.user, `${source.name} of ${source.place.host} under term ${term}`);
  await runProgram(options);
  options.onProgress({ percent: 99, progress: nothingCopied("replaying") });
  await untilConsistent(options);
  await clearTorn(start.dataDir);
}

/** Of a superuser on the leader: whoever may stream all of its data may read it in this way as well. */
export async function letRewindFrom(session: SqlRunner, replicationUser: string): Promise<void> {
  const { granted } = await oneRow<RewindGrantedRow>(session, REWIND_GRANTED, [replicationUser, REWIND_FUNCTIONS]);
  if (granted) return;
  await localTransaction(session, async () => {
    await session.query(grantExecute(REWIND_FUNCTIONS, replicationUser));
  });
}

/** @throws unless it leads this term and has checkpointed under it. */
async function checkSource({ place, credentials, replicationUser, name }: Source, term: Term): Promise<void> {
  const client = new Client({
    ...{ host: place.host, port: place.port, database: "postgres", user: replicationUser, application_name: name },
    password: credentials.replicationPassword,
    connectionTimeoutMillis: CONNECT_TIMEOUT_S * 1_000,
    query_timeout: CONNECT_TIMEOUT_S * 1_000,
  });
  // Without a listener a broken connection would end the whole program; the pending call rejects anyway.
  client.on("error", () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<SourceCheckpointRow>(SOURCE_CHECKPOINT);
    const row = rows[0];
    if (row === undefined || row.in_recovery || BigInt(row.timeline) !== term)
      throw new Error(`the source of the rewind does not lead term ${term}, or has not checkpointed under it`);
  } finally {
    await client.end();
  }
}

/** Never `--ensure-shutdown`: that starts a single-user Postgres, which writes. The password travels in the environment. */
async function runProgram({ source, start, signal, onProgress, said }: RewindOptions): Promise<void> {
  const { place, credentials, replicationUser, name } = source;
  const program = join(start.binaries.binDir, "pg_rewind");
  const server = conninfo({
    ...{ host: place.host, port: String(place.port), user: replicationUser, dbname: "postgres" },
    ...{ application_name: name, connect_timeout: String(CONNECT_TIMEOUT_S), ...NOTICED_WHEN_GONE },
  });
  const args = ["--target-pgdata", start.dataDir, "--source-server", server, "--no-ensure-shutdown", "--progress"];
  // It has no rate to be bounded by.
  const [first, ...rest] = await withLowDiskPriority(program, args);
  const child = spawn(first, rest, {
    ...spawnIdentity(start.user),
    cwd: "/",
    env: { ...postgresEnvironment(process.env), PGPASSWORD: credentials.replicationPassword },
    stdio: ["ignore", "pipe", "pipe"],
    ...{ signal, timeout: PROGRAM_DEADLINE_MS, killSignal: "SIGKILL" as const },
  });
  lowerPriority(child.pid, said);
  const lines: string[] = [];
  const pace = new CopyPace();
  const hear = (line: string) => {
    const [, done, total] = PROGRESS.exec(line) ?? [];
    if (done !== undefined) {
      const [bytes, totalBytes] = [Number(done) * 1024, Number(total) * 1024];
      const told = pace.tell({ phase: "copying", bytes, totalBytes, nowMs: performance.now() });
      if (told !== null) onProgress(told);
      return;
    }
    if (line.trim() === "") return;
    lines.push(line);
    said(line);
  };
  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on("line", hear);
  const ended = await new Promise<string>((done, fail) => {
    child.once("error", (cause) => fail(new Error(`cannot run ${program}`, { cause })));
    child.once("close", (code, signal) => done(signal ?? `exit code ${code}`));
  });
  const shown = lines.slice(-LINES_SHOWN).join(" | ");
  if (ended !== "exit code 0") throw new Error(`pg_rewind ended with ${ended}: ${shown}`);
  // Its log is no part of the source's: that is why it is here.
  if (lines.some((line) => NOTHING_DONE.test(line))) throw new Error(`pg_rewind did nothing: ${shown}`);
}

/** A source that is gone would be waited for until the deadline of the start, so it is looked at meanwhile. */
async function untilConsistent({ self, term, source, start, startReceiving }: RewindOptions): Promise<void> {
  const { place, credentials, replicationUser, name } = source;
  const over = new AbortController();
  const watching = watchSource(source, term, over.signal, () => fence({ dataDir: start.dataDir }));
  try {
    await startReceiving({
      primary_conninfo: conninfo({
        ...{ host: place.host, port: String(place.port), user: replicationUser, application_name: name },
        password: credentials.replicationPassword,
        ...{ connect_timeout: String(CONNECT_TIMEOUT_S), ...NOTICED_WHEN_GONE },
      }),
      primary_slot_name: slotName(self),
    });
  } finally {
    over.abort();
    await watching;
  }
}

async function watchSource(
  source: Source,
  term: Term,
  over: AbortSignal,
  giveUp: () => Promise<unknown>,
): Promise<void> {
  for (let missed = 0; !over.aborted; ) {
    await delay(LOOK_MS, undefined, { signal: over }).catch(() => undefined);
    if (over.aborted) return;
    const leads = await checkSource(source, term).then(
      () => true,
      () => false,
    );
    missed = leads ? 0 : missed + 1;
    if (missed < LOOKS_MISSED_MAX || over.aborted) continue;
    await giveUp();
    return;
  }
}
