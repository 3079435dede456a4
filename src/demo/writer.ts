import { setTimeout as delay } from "node:timers/promises";
import type pg from "pg";
import { hangUp, outcomeOfError, type Place, voidsAcknowledgement } from "./client.js";
import { LeaderFinder } from "./leader_finder.js";
import type { Ledger, Outcome } from "./ledger.js";
import { wallMs } from "./waiting.js";

export const RETRY_MS = 10;
export const CLIENTS = 4;

export interface WriterOptions {
  readonly places: readonly Place[];
  readonly ledger: Ledger;
  readonly clients: number;
}

interface Connection {
  readonly client: pg.Client;
  readonly openedAt: number;
  /** Set by a notice that takes the acknowledgement of the running statement back. */
  voided: boolean;
  broken: boolean;
}

interface Watch {
  readonly since: number;
  readonly resolve: (gap: Gap) => void;
}

/** Unix ms, as `wallMs` gives them. */
export interface Gap {
  /** The last acknowledgement by whoever took writes before. */
  readonly lastMs: number;
  /** The first one of a write that began on a connection opened since. */
  readonly firstMs: number;
}

/** Several clients, each inserting numbers of its own one after the other, and trying again every 10 ms. */
export class Writer {
  readonly #options: WriterOptions;
  readonly #finder: LeaderFinder;
  readonly #open = new Set<Connection>();
  readonly #watches = new Set<Watch>();
  #loops: readonly Promise<void>[] = [];
  #next = 1;
  #stopping = false;
  #lastAckMs = 0;

  constructor(options: WriterOptions) {
    this.#options = options;
    this.#finder = new LeaderFinder({ places: options.places, retryMs: RETRY_MS });
  }

  start(): void {
    this.#loops = Array.from({ length: this.#options.clients }, () => this.#client());
  }

  /** Every write under way gets its outcome first; each has a deadline. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#loops);
    this.#finder.close();
  }

  /** At once: writes under way stay unknown. */
  async abort(): Promise<void> {
    this.#stopping = true;
    for (const { client } of this.#open) hangUp(client);
    await this.stop();
  }

  /**
   * Resolves with the time of the first acknowledgement of a write that began after `since` on a connection opened
   * after it. The second condition matters for a killed postmaster: its orphaned children may still acknowledge
   * for some milliseconds, which is no end of the outage.
   */
  async firstAckSince(since: number, signal: AbortSignal): Promise<number> {
    return (await this.gapSince(since, signal)).firstMs;
  }

  /** The same, with the acknowledgement before it: between the two nobody could write. */
  gapSince(since: number, signal: AbortSignal): Promise<Gap> {
    return new Promise((resolve, reject) => {
      const watch = { since, resolve };
      this.#watches.add(watch);
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
  }

  async #client(): Promise<void> {
    let connection: Connection | null = null;
    while (!this.#stopping) {
      const n = this.#next++;
      const beganAt = wallMs();
      connection ??= await this.#connect();
      if (connection === null) {
        // Waited its 10 ms for a leader: nothing was sent, so nothing can be there.
        this.#options.ledger.record(n, "refused", wallMs());
        continue;
      }
      const outcome = await this.#insert(connection, n);
      const endedAt = wallMs();
      this.#options.ledger.record(n, outcome, endedAt);
      if (outcome === "acked") this.#acknowledged(beganAt, connection.openedAt, endedAt);
      if (!connection.broken) continue;
      this.#close(connection);
      connection = null;
      this.#finder.missed();
      await delay(RETRY_MS);
    }
    if (connection !== null) this.#close(connection);
  }

  async #connect(): Promise<Connection | null> {
    const client = await this.#finder.attempt();
    if (client === null) return null;
    const connection: Connection = { client, openedAt: wallMs(), voided: false, broken: false };
    client.on("notice", (notice) => {
      if (voidsAcknowledgement(notice)) connection.voided = true;
    });
    client.on("end", () => {
      connection.broken = true;
    });
    this.#open.add(connection);
    return connection;
  }

  async #insert(connection: Connection, n: number): Promise<Outcome> {
    connection.voided = false;
    try {
      await connection.client.query("insert into public.demo_ledger (n) values ($1)", [n]);
      return connection.voided ? "unknown" : "acked";
    } catch (error) {
      // A leader that turned into a follower answers with an ERROR on a connection that still works.
      connection.broken = true;
      return outcomeOfError(error);
    }
  }

  #acknowledged(beganAt: number, openedAt: number, ackedAt: number): void {
    for (const watch of this.#watches) {
      if (Math.min(beganAt, openedAt) < watch.since) continue;
      this.#watches.delete(watch);
      watch.resolve({ lastMs: this.#lastAckMs, firstMs: ackedAt });
    }
    this.#lastAckMs = ackedAt;
  }

  #close(connection: Connection): void {
    this.#open.delete(connection);
    hangUp(connection.client);
  }
}
