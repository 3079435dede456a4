import { EventEmitter } from "node:events";

export interface SessionOptions {
  readonly socketDir: string;
  readonly port: number;
  readonly superuser: string;
  /** `postgres` by default. */
  readonly database?: string;
  readonly applicationName?: string;
  /** `on` by default; `local` for the founding transaction. */
  readonly synchronousCommit?: "on" | "local";
  readonly connectTimeoutMs?: number;
}

/** A superuser's session on the private socket that no setting of the user's can stop (POSTGRES.md I). */
export class Session extends EventEmitter<{ lost: [Error] }> {
  readonly backendPid: number = 0;

  static async open(_options: SessionOptions): Promise<Session> {
    throw new Error("not built yet");
  }

  /** Rows as text-keyed objects; `int8` comes as a string, as always with `pg`. */
  async query<Row extends Record<string, unknown>>(_text: string, _values?: readonly unknown[]): Promise<Row[]> {
    throw new Error("not built yet");
  }

  /** False from the moment the connection is gone. */
  get alive(): boolean {
    return false;
  }

  /** Ends the session; `lost` is not emitted. */
  async close(): Promise<void> {
    throw new Error("not built yet");
  }
}
