import { EventEmitter } from "node:events";
import { Client } from "pg";

export interface SessionOptions {
  readonly socketDir: string;
  readonly port: number;
  readonly superuser: string;
  /** Postgres' major version: a setting that it does not know would refuse the connection. */
  readonly major: number;
  /** `postgres` by default. */
  readonly database?: string;
  readonly applicationName?: string;
  /** `on` by default; `local` for the founding transaction. */
  readonly synchronousCommit?: "on" | "local";
  readonly connectTimeoutMs?: number;
  /** A statement waits this long for somebody's lock; for ever by default. */
  readonly lockTimeoutMs?: number;
}

const CONNECT_TIMEOUT_MS = 5_000;

/**
 * In the startup packet, where they beat ALTER ROLE and ALTER DATABASE and are in force before the first statement:
 * no trigger, timeout, read-only default or search path of the user's gets in our way (POSTGRES.md I).
 */
function startupSettings(options: SessionOptions): Record<string, string> {
  return {
    session_replication_role: "replica",
    default_transaction_read_only: "off",
    default_transaction_isolation: "read\\ committed",
    default_transaction_deferrable: "off",
    statement_timeout: "0",
    lock_timeout: String(options.lockTimeoutMs ?? 0),
    idle_in_transaction_session_timeout: "0",
    idle_session_timeout: "0",
    synchronous_commit: options.synchronousCommit ?? "on",
    search_path: "pg_catalog",
    DateStyle: "ISO",
    bytea_output: "hex",
    ...(options.major >= 17 ? { transaction_timeout: "0", event_triggers: "off" } : {}),
  };
}

/** A superuser's session on the private socket that no setting of the user's can stop. */
export class Session extends EventEmitter<{ lost: [Error] }> {
  readonly backendPid: number;
  readonly #client: Client;
  #ended = false;

  private constructor(client: Client, backendPid: number) {
    super();
    this.#client = client;
    this.backendPid = backendPid;
    client.on("error", (error) => this.#lose(error));
    client.on("end", () => this.#lose(new Error("Postgres closed the connection")));
  }

  static async open(options: SessionOptions): Promise<Session> {
    const client = new Client({
      host: options.socketDir,
      port: options.port,
      user: options.superuser,
      database: options.database ?? "postgres",
      application_name: options.applicationName ?? "quorate",
      connectionTimeoutMillis: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
      options: Object.entries(startupSettings(options))
        .map(([name, value]) => `-c ${name}=${value}`)
        .join(" "),
    });
    // Without a listener an error between the connection and the constructor would end the sidecar.
    const ignore = (): void => undefined;
    client.on("error", ignore);
    try {
      await client.connect();
      const { rows } = await client.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
      const session = new Session(client, rows[0]?.pid ?? 0);
      client.off("error", ignore);
      return session;
    } catch (cause) {
      await client.end().catch(ignore);
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`no session on ${options.socketDir} port ${options.port} as ${options.superuser}: ${reason}`, {
        cause,
      });
    }
  }

  /** Rows as `pg` gives them: `int8` and LSNs are strings. */
  async query<Row extends Record<string, unknown>>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    if (this.#ended) throw new Error("the session with Postgres is over; open another one");
    const { rows } = await this.#client.query<Row>(text, [...values]);
    return rows;
  }

  /** False from the moment the connection is gone. */
  get alive(): boolean {
    return !this.#ended;
  }

  /** Ends the session; `lost` is not emitted. */
  async close(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    await this.#client.end();
  }

  #lose(error: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.emit("lost", error);
  }
}
