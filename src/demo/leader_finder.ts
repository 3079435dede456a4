import { setTimeout as delay } from "node:timers/promises";
import type pg from "pg";
import { connect, hangUp, type Place, takesWrites } from "./client.js";

export interface FinderOptions {
  readonly places: readonly Place[];
  readonly retryMs: number;
}

/**
 * Finds the node that takes writes, for all clients of the writer, as a connection pool would: while one is missed,
 * each node is asked every `retryMs`, a standby on the connection that is already open. (One search for each
 * client would cost the machine more than the failover that it is to measure.)
 */
export class LeaderFinder {
  readonly #options: FinderOptions;
  #leader: Place | null = null;
  readonly #searched = new Set<Place>();
  #closed = false;
  readonly #waiting = new Set<() => void>();
  /** The session that found the leader, for the first client that asks. */
  #found: pg.Client | null = null;

  constructor(options: FinderOptions) {
    this.#options = options;
  }

  /** One attempt: a connection that takes writes, or null if there was none within `retryMs`. */
  async attempt(): Promise<pg.Client | null> {
    if (this.#leader === null) {
      this.#search();
      await this.#foundOrTired();
    }
    const place = this.#leader;
    if (place === null || this.#closed) return null;
    const handed = this.#found;
    this.#found = null;
    if (handed !== null) return handed;
    try {
      const client = await connect(place);
      if (await takesWrites(client)) return client;
      hangUp(client);
    } catch {
      // It went away between being found and being asked.
    }
    this.missed(place);
    return null;
  }

  /** A client lost its connection to the leader, or was told that it leads no more. */
  missed(place: Place | null = this.#leader): void {
    if (place !== this.#leader) return;
    this.#leader = null;
    if (this.#found !== null) hangUp(this.#found);
    this.#found = null;
  }

  close(): void {
    this.#closed = true;
    this.missed();
    this.#wake();
  }

  /** A scout for each node that has none: one may still hang on a silent node from the search before. */
  #search(): void {
    for (const place of this.#options.places) {
      if (this.#searched.has(place) || this.#closed) continue;
      this.#searched.add(place);
      void this.#scout(place).then(() => this.#searched.delete(place));
    }
  }

  async #scout(place: Place): Promise<void> {
    let client: pg.Client | null = null;
    while (this.#leader === null && !this.#closed) {
      const asked = performance.now();
      try {
        client ??= await connect(place);
        if ((await takesWrites(client)) && this.#leader === null && !this.#closed) {
          this.#leader = place;
          this.#found = client;
          this.#wake();
          return;
        }
      } catch {
        if (client !== null) hangUp(client);
        client = null;
      }
      await delay(Math.max(1, this.#options.retryMs - (performance.now() - asked)));
    }
    if (client !== null) hangUp(client);
  }

  #foundOrTired(): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, this.#options.retryMs);
      this.#waiting.add(done);
    });
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}
