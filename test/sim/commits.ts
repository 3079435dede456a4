import type { Connection } from "./connection.js";
import type { Postgres } from "./postgres.js";
import type { Tip } from "./wal.js";
import { lsnOf } from "./wal.js";

const STATUS_INTERVAL_US = 1_000_000;

/** A commit that waits for the quorum. */
interface Waiter {
  readonly tip: Tip;
  readonly end: number;
  readonly write: number;
}

/** Commits of one Postgres that wait for the quorum. */
export class Commits {
  private waiters: Waiter[] = [];
  private askingReplies = false;

  constructor(private readonly postgres: Postgres) {}

  get wait(): boolean {
    return this.waiters.length > 0;
  }

  begin(write: number): void {
    this.postgres.insert(write, null, (tip) => {
      this.waiters.push({ tip, end: lsnOf(tip), write });
      this.askReplies();
    });
  }

  /** Followers report once a second even if nothing comes: whoever still waits then is looked at again (trap 13). */
  private askReplies(): void {
    if (this.askingReplies) return;
    this.askingReplies = true;
    this.postgres.wait(STATUS_INTERVAL_US, () => {
      this.askingReplies = false;
      if (this.waiters.length === 0) return;
      this.postgres.replication.askReplies();
      this.askReplies();
    });
  }

  /** A client gives up: its COMMIT returns with a warning, the row is there to be seen (trap 14). Which write it was. */
  cancel(): number | undefined {
    return this.waiters.pop()?.write;
  }

  /** Every waiting commit up to here returns to its client. */
  release(lsn: number, by: Connection): void {
    const { postgres } = this;
    const { world } = postgres.machine;
    for (let next = this.waiters[0]; next !== undefined && next.end <= lsn; next = this.waiters[0]) {
      this.waiters.shift();
      postgres.visible = next.tip;
      world.checker.acknowledged(postgres, next.tip, by.name);
      world.clients.acknowledged(next.write);
    }
  }

  /** The process is gone, and what waited in it. */
  forget(): void {
    this.waiters = [];
    this.askingReplies = false;
  }
}
