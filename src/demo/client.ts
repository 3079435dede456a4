import pg from "pg";
import type { Outcome } from "./ledger.js";

export interface Place {
  readonly host: string;
  readonly port: number;
}

/** For a client that looks for the leader and has other places to try: a dead machine answers nothing at all. */
const CONNECT_MS = 500;
/** For whoever has a question to this very node: busy processors are no failure. */
export const CONNECT_PATIENTLY_MS = 15_000;
/** A commit waits as long as its quorum does; this client gives up earlier, without an outcome. */
const ANSWER_MS = 10_000;

export const USER = "postgres";
export const DATABASE = "postgres";

/** One connection of a demo's client. Never throws by itself when the server goes away. */
export async function connect({ host, port }: Place, withinMs: number = CONNECT_MS): Promise<pg.Client> {
  const client = new pg.Client({
    host,
    port,
    user: USER,
    database: DATABASE,
    connectionTimeoutMillis: withinMs,
    query_timeout: ANSWER_MS,
    application_name: "quorate_demo",
  });
  // Whoever uses it learns of its death by the next answer.
  client.on("error", () => undefined);
  try {
    await client.connect();
    return client;
  } catch (error) {
    hangUp(client);
    throw error;
  }
}

export function hangUp(client: pg.Client): void {
  client.end().catch(() => undefined);
}

/** A node that does not answer a question in this time is asked again from the beginning. */
const QUESTION_MS = 500;

/** What libpq calls target_session_attrs=read-write. */
export async function takesWrites(client: pg.Client): Promise<boolean> {
  const question = { text: "show transaction_read_only", query_timeout: QUESTION_MS };
  const { rows } = await client.query<{ transaction_read_only: string }>(question);
  return rows[0]?.transaction_read_only === "off";
}

interface ServerError {
  readonly severity?: unknown;
}

/**
 * An ERROR ends the statement before it is committed: refused. A FATAL, a PANIC or a lost connection may have come
 * after it: unknown.
 */
export function outcomeOfError(error: unknown): Outcome {
  const severity = typeof error === "object" && error !== null ? (error as ServerError).severity : undefined;
  return severity === "ERROR" ? "refused" : "unknown";
}

interface Notice {
  readonly severity?: string | undefined;
  readonly code?: string | undefined;
}

/** Somebody cancelled the wait for the quorum: the COMMIT returns, but what it wrote is not decided. */
export function voidsAcknowledgement({ severity, code }: Notice): boolean {
  return severity === "WARNING" && (code === "01000" || code === "57P01");
}
