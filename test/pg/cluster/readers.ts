import { setTimeout as delay } from "node:timers/promises";
import type pg from "pg";
import { connect, hangUp } from "../../../src/demo/client.js";
import { HOST, type NodePlan } from "../../../src/demo/plan.js";

const PAUSE_MS = 10;
const ROWS = `select n, pg_is_in_recovery() as standby from (
  (select n from public.demo_ledger order by n desc limit 200)
  union select n from public.demo_ledger where n = any ($1::bigint[])) shown`;

interface Row {
  readonly n: string;
  readonly standby: boolean;
}

/** Clients that read every node all the time, whoever lets them in, and remember each row that anybody showed them. */
export class Readers {
  readonly #seen = new Map<number, Set<string>>();
  readonly #shownByLeaders = new Map<number, Set<string>>();
  readonly #reads = new Map<string, number>();
  readonly #watched: () => readonly number[];
  #stopping = false;
  #loops: readonly Promise<void>[] = [];

  /** @param watched Rows of special interest: they are asked for by number, however old they are. */
  constructor(watched: () => readonly number[]) {
    this.#watched = watched;
  }

  start(nodes: readonly NodePlan[]): void {
    this.#loops = nodes.map((node) => this.#read(node));
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#loops);
  }

  /** Every number that was ever read, with the nodes that showed it. */
  get seen(): ReadonlyMap<number, ReadonlySet<string>> {
    return this.#seen;
  }

  /** As `seen`, but what a leader showed: stock Postgres shows a commit on a standby before a quorum has it (DESIGN 12). */
  get shownByLeaders(): ReadonlyMap<number, ReadonlySet<string>> {
    return this.#shownByLeaders;
  }

  /** How often this node answered. */
  reads(id: string): number {
    return this.#reads.get(id) ?? 0;
  }

  async #read({ id, pgPort }: NodePlan): Promise<void> {
    let client: pg.Client | null = null;
    let last: readonly Row[] = [];
    const keep = () => {
      for (const { n, standby } of last) {
        remember(this.#seen, Number(n), id);
        if (!standby) remember(this.#shownByLeaders, Number(n), id);
      }
      last = [];
    };
    while (!this.#stopping) {
      try {
        client ??= await connect({ host: HOST, port: pgPort });
        const { rows } = await client.query({ text: ROWS, values: [this.#watched()] });
        // Kept once the same session answers again. Backends whose postmaster alone was killed give up waiting for their
        // quorum and show their rows for the moment that they still live: stock Postgres, which nobody can stop (DESIGN 12).
        keep();
        last = rows as readonly Row[];
        this.#reads.set(id, this.reads(id) + 1);
      } catch {
        // Its door is shut, or it is gone: it is asked again.
        if (client !== null) hangUp(client);
        client = null;
        last = [];
      }
      await delay(PAUSE_MS);
    }
    keep();
    if (client !== null) hangUp(client);
  }
}

function remember(rows: Map<number, Set<string>>, n: number, id: string): void {
  const nodes = rows.get(n);
  if (nodes === undefined) rows.set(n, new Set([id]));
  else nodes.add(id);
}
