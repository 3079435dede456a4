import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { connect, DATABASE, hangUp, USER } from "../../../src/demo/client.js";
import { HOST } from "../../../src/demo/plan.js";

/** One session of a client that waits for ever, with what it was left in. */
export interface OpenSession {
  readonly kind: string;
  /** True from when its connection ended. */
  readonly over: () => boolean;
}

/** What clients leave open on a Postgres: [kind, what they said last]. The last statement of each may never be answered. */
const KINDS: readonly (readonly [string, readonly string[]])[] = [
  ["idle", ["select 1"]],
  ["idle in a transaction", ["begin", "select count(*) from public.leased"]],
  ["with an open cursor", ["begin", "declare c cursor for select n from public.leased", "fetch 1 from c"]],
  ["asleep in a query", ["select pg_sleep(3600)"]],
  ["busy in a query", ["select count(*) from generate_series(1, 1000000000000)"]],
  ["listening", ["listen anything"]],
];

/** A session of each kind on this port, with a commit that waits, all of which their clients never end. */
export async function openSessions(port: number): Promise<readonly OpenSession[]> {
  const opened = [];
  for (const [kind, statements] of KINDS) opened.push(await openSession(port, kind, statements));
  return opened;
}

export async function openSession(port: number, kind: string, statements: readonly string[]): Promise<OpenSession> {
  const client = new pg.Client({ host: HOST, port, user: USER, database: DATABASE, application_name: kind });
  let over = false;
  client.on("error", () => undefined);
  client.on("end", () => {
    over = true;
  });
  await client.connect();
  const last = statements.at(-1);
  for (const sql of statements.slice(0, -1)) await client.query(sql);
  // Its end, if it has one, is the end of the connection.
  if (last !== undefined) client.query(last).catch(() => undefined);
  return { kind, over: () => over };
}

interface Answer {
  readonly askedMs: number;
  readonly answeredMs: number;
}

/** Reads one Postgres as fast as it answers, and comes again whenever it is thrown out. */
export class EagerReader {
  readonly answers: Answer[] = [];
  #stopping = false;
  #loop: Promise<void> = Promise.resolve();

  start(port: number): void {
    this.#loop = this.#read(port);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#loop;
  }

  /** Reads that were asked after that and answered, in ms after it. */
  since(ms: number): readonly number[] {
    return this.answers.filter(({ askedMs }) => askedMs > ms).map(({ answeredMs }) => answeredMs - ms);
  }

  async #read(port: number): Promise<void> {
    let client: pg.Client | null = null;
    while (!this.#stopping) {
      const askedMs = performance.now();
      try {
        client ??= await connect({ host: HOST, port });
        await client.query("select max(n) from public.leased");
        this.answers.push({ askedMs, answeredMs: performance.now() });
        await delay(1);
      } catch {
        // Its door is shut, or it is gone: it is asked again.
        if (client !== null) hangUp(client);
        client = null;
        await delay(5);
      }
    }
    if (client !== null) hangUp(client);
  }
}
