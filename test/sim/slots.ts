import type { Seat } from "../../src/core/ruleset/seats.js";
import type { Postgres } from "./postgres.js";
import { lsnOf } from "./wal.js";

/** Upkeep makes again what was lost. */
const UPKEEP_US = 1_000_000;

/** The physical slots of one Postgres: whoever has none is turned away (trap 17: without them a name could count twice). */
export class Slots {
  private readonly slots = new Map<string, string>();
  /** Who is to have a slot, each with its incarnation. */
  private seats = new Map<string, string>();
  /** Followers whose WAL is gone here: they need a clone that begins beyond it. */
  private readonly walGone = new Map<string, number>();

  constructor(private readonly self: Postgres) {}

  has(id: string, incarnation: string): boolean {
    return this.slots.get(id) === incarnation;
  }

  isSeated(id: string, incarnation: string): boolean {
    return this.seats.get(id) === incarnation;
  }

  keepsWalFrom(id: string, lsn: number): boolean {
    return lsn >= (this.walGone.get(id) ?? 0);
  }

  /** What a follower still needs is removed, and its slot with it (POSTGRES.md J). */
  lose(id: string): void {
    const { self } = this;
    if (self.flushed === null || !this.slots.delete(id)) return;
    this.walGone.set(id, lsnOf(self.flushed));
    self.wait(UPKEEP_US, () => {
      const seat = this.seats.get(id);
      if (seat !== undefined) this.slots.set(id, seat);
    });
  }

  make(seats: readonly Seat[]): void {
    this.slots.clear();
    this.walGone.clear();
    this.seats = new Map(seats.map((s) => [s.id, s.incarnation]));
    for (const { id, incarnation } of seats) this.slots.set(id, incarnation);
  }

  /** A new slot keeps WAL from now on only: of what was before, some may be gone. */
  seat(seats: readonly Seat[]): void {
    const { self } = this;
    const before = this.seats;
    this.seats = new Map(seats.map((s) => [s.id, s.incarnation]));
    for (const id of this.slots.keys()) if (!this.seats.has(id)) this.slots.delete(id);
    for (const { id, incarnation } of seats) {
      if (before.get(id) !== incarnation && self.flushed !== null) {
        this.walGone.delete(id);
        if (self.machine.rng.below(4) === 0) this.walGone.set(id, lsnOf(self.flushed));
        this.slots.set(id, incarnation);
      } else if (this.slots.has(id)) this.slots.set(id, incarnation);
    }
  }
}
