import type { SenderSeen } from "../../src/core/events.js";
import type { Seat } from "../../src/core/ruleset/seats.js";
import type { Machine } from "./machine.js";
import type { Names, Postgres } from "./postgres.js";
import type { Tip } from "./wal.js";
import { holds, lsnOf, sameTip } from "./wal.js";

/** A walsender on one side, a walreceiver on the other. */
export interface Connection {
  readonly up: Postgres;
  readonly down: Postgres;
  readonly upEpoch: number;
  readonly downEpoch: number;
  /** Of the follower when it was let in. */
  readonly incarnation: string;
  /** application_name: `n2@7`. */
  readonly name: string;
  readonly pid: number;
  /** What this walsender has loaded: a reload reaches each process at another moment (trap 15). */
  names: Names;
  upOpen: boolean;
  downOpen: boolean;
  sending: boolean;
  sent: Tip | null;
  /** Flushed, as the follower last reported it. */
  reported: number;
  /** Let in although its log is no part of the leader's (trap 1): it reports where it stands and gets nothing. */
  readonly diverged: boolean;
}

/** Ends the name of one that takes the newest log from a node that may not lead. */
export const CATCHES_UP = "c";

const RETRY_US = 100_000;
const RETRY_SLOW_US = 500_000;
const RETRIES_QUICK = 10;
/** wal_sender_timeout, as the sidecar sets it: a follower whose machine lost power is noticed then. */
const WAL_SENDER_TIMEOUT_US = 5_000_000;
const STATUS_INTERVAL_US = 1_000_000;

/** Whom this standby streams from, and who streams from here. */
export class Replication {
  /** primary_conninfo: whom to dial, under which name. */
  private target: { readonly leader: Machine; readonly name: string } | null = null;
  private up: Connection | null = null;
  private senders: Connection[] = [];
  /** Whoever has none is turned away (trap 17: without slots a name could count twice). */
  readonly slots = new Map<string, string | null>();
  /** Who is to have a slot, each with its incarnation; null before the leader has said which. */
  private seats = new Map<string, string | null>();
  /** Followers whose WAL is gone here: they need a clone that begins beyond it. */
  private readonly walGone = new Map<string, number>();
  private pids = 0;
  private dials = 0;
  private dialling = 0;

  constructor(private readonly self: Postgres) {}

  private get machine(): Machine {
    return this.self.machine;
  }

  get streams(): boolean {
    return this.up?.downOpen === true;
  }

  started(): void {
    this.target = null;
    this.dialling++;
  }

  /** The process died: those at the other ends notice when a reset reaches them, or when they next try. */
  ended(powered: boolean): void {
    this.target = null;
    this.dialling++;
    const { up, senders } = this;
    this.up = null;
    this.senders = [];
    if (up !== null) {
      up.downOpen = false;
      if (powered) this.tellUp(up);
      else this.machine.world.after(WAL_SENDER_TIMEOUT_US, () => up.up.replication.dropSender(up));
    }
    for (const connection of senders) {
      connection.upOpen = false;
      if (powered) this.tellDown(connection);
    }
  }

  private tellUp(connection: Connection): void {
    const { world, index } = this.machine;
    const there = connection.up.machine.index;
    world.network.whenPassing(index, there, "wal", () =>
      world.after(world.network.latencyUs(index, there), () => connection.up.replication.dropSender(connection)),
    );
  }

  private tellDown(connection: Connection): void {
    const { world, index } = this.machine;
    const there = connection.down.machine.index;
    world.network.whenPassing(index, there, "wal", () =>
      world.after(world.network.latencyUs(index, there), () => connection.down.replication.loseUp(connection)),
    );
  }

  private dropSender(connection: Connection): void {
    if (!connection.upOpen) return;
    connection.upOpen = false;
    this.senders = this.senders.filter((c) => c !== connection);
    this.self.observer.changed();
  }

  private loseUp(connection: Connection): void {
    if (this.up !== connection) return;
    connection.downOpen = false;
    this.up = null;
    this.self.observer.changed();
    this.redial(RETRY_US);
  }

  /** Those of whom nothing will be heard any more are noticed by the timeout, at both ends. */
  timeOut(silent: (other: Machine) => boolean): void {
    const { world } = this.machine;
    const { up } = this;
    if (up !== null && silent(up.up.machine)) world.after(WAL_SENDER_TIMEOUT_US, () => this.loseUp(up));
    for (const connection of this.senders)
      if (silent(connection.down.machine)) world.after(WAL_SENDER_TIMEOUT_US, () => this.dropSender(connection));
  }

  /** The receiver is ended for good; its last bytes are flushed and reported (A.2). */
  stopReceiving(): void {
    this.target = null;
    this.dialling++;
    const { up } = this;
    this.up = null;
    if (up === null) return;
    up.downOpen = false;
    this.tellUp(up);
    this.self.observer.changed();
  }

  dial(leader: Machine, name: string): void {
    this.stopReceiving();
    this.target = { leader, name };
    this.dials = 0;
    this.redial(1_000);
  }

  private redial(us: number): void {
    const dialling = ++this.dialling;
    this.self.wait(us, () => {
      if (this.dialling === dialling) this.tryDial();
    });
  }

  private tryDial(): void {
    const { target } = this;
    if (target === null || this.up !== null) return;
    const { world, index } = this.machine;
    const { leader, name } = target;
    const there = leader.index;
    const dialling = this.dialling;
    const again = () => {
      if (this.dialling === dialling) this.redial(this.dials++ < RETRIES_QUICK ? RETRY_US : RETRY_SLOW_US);
    };
    // A dial into silence hangs until the link is back; in between it was given up and tried again, unseen.
    world.network.whenPassing(index, there, "wal", () =>
      world.network.whenPassing(there, index, "wal", () =>
        this.self.later(world.network.latencyUs(index, there), () => {
          if (this.dialling !== dialling) return;
          const connection = leader.postgres.replication.admit(this.self, name);
          if (connection === null) return again();
          this.up = connection;
          this.dials = 0;
          this.self.observer.changed();
        }),
      ),
    );
  }

  /** What a walsender decides about whoever dials. */
  private admit(down: Postgres, name: string): Connection | null {
    const { self } = this;
    const { world } = this.machine;
    const id = down.machine.id;
    if (
      !self.running ||
      self.flushed === null ||
      !world.network.bothWays(this.machine.index, down.machine.index, "wal")
    )
      return null;
    const mayCascade = name.endsWith(CATCHES_UP) || this.machine.rng.chance(world.config.cascades);
    if (self.primary === null && !mayCascade) return null;
    if (self.system !== down.system) return null;
    const { slotless } = world.config;
    const incarnation = down.machine.disk?.incarnation ?? "";
    const slot = this.slots.get(id);
    if (self.primary !== null && slot !== incarnation && slot !== null && !slotless) {
      world.mark("slot_missing");
      return null;
    }
    if (lsnOf(down.flushed ?? self.flushed) < (this.walGone.get(id) ?? 0)) return null;
    const held = this.senders.find((c) => c.down.machine.id === id);
    if (held !== undefined && !slotless) {
      // Its old walsender still holds the slot: the collision makes it look, and it finds nobody there (trap 17).
      world.mark("slot_busy");
      self.later(this.machine.rng.between(1_000, 50_000), () => this.dropSender(held));
      return null;
    }
    const contained = holds(self.flushed, down.flushed);
    if (!contained && holds(down.flushed, self.flushed)) return null;
    if (!contained) world.mark("diverged_dial_refused");
    if (!contained && !this.machine.rng.chance(world.config.falseAcks)) return null;
    if (!contained) world.mark("diverged_let_in");
    if (self.primary === null) world.mark("cascade");
    const connection: Connection = {
      ...{ incarnation, up: self, down, upEpoch: self.epoch, downEpoch: down.epoch, name, pid: ++this.pids },
      ...{ names: self.names, upOpen: true, downOpen: true, sending: false, sent: down.flushed },
      // A walreceiver starts by reporting what it has replayed as flushed.
      ...{ reported: down.replayed === null ? 0 : lsnOf(down.replayed), diverged: !contained },
    };
    this.senders.push(connection);
    down.streamedSinceStart ||= contained;
    if (self.primary !== null) this.noteObserver(id, incarnation);
    this.self.observer.changed();
    this.send(connection);
    // The first reply that releases anybody may come as late as the status interval (trap 13).
    down.wait(STATUS_INTERVAL_US, () => down.replication.reply(connection));
    return connection;
  }

  flushed(): void {
    for (const connection of this.senders) this.send(connection);
    if (this.up !== null) this.reply(this.up);
  }

  private send(connection: Connection): void {
    const { self } = this;
    if (!connection.upOpen || connection.sending || connection.diverged) return;
    if (self.flushed === null || sameTip(connection.sent, self.flushed) || !holds(self.flushed, connection.sent))
      return;
    const { world, index } = this.machine;
    const there = connection.down.machine.index;
    const target = self.flushed;
    connection.sending = true;
    world.network.whenPassing(index, there, "wal", () =>
      world.after(world.network.latencyUs(index, there), () => {
        // Once the run is healed nothing comes from those who are frozen, not even what was on its way.
        if (world.network.calm && !world.network.passes(index, there, "wal")) return;
        connection.sending = false;
        connection.sent = target;
        connection.down.replication.arrive(connection, target);
        if (connection.upOpen) this.send(connection);
      }),
    );
  }

  private arrive(connection: Connection, tip: Tip): void {
    const { self } = this;
    if (this.up !== connection || !self.running) return;
    if (self.pausedUntilUs > this.machine.world.nowUs) {
      self.later(0, () => this.arrive(connection, tip));
      return;
    }
    if (!holds(tip, self.pending)) return;
    self.receive(tip);
  }

  /** Flush positions travel up; the walsender that takes one in sees whether commits may return. */
  private reply(connection: Connection): void {
    if (this.up !== connection || this.self.flushed === null) return;
    const { world, index } = this.machine;
    const there = connection.up.machine.index;
    const lsn = lsnOf(this.self.flushed);
    world.network.whenPassing(index, there, "wal", () =>
      world.after(world.network.latencyUs(index, there), () => connection.up.replication.hear(connection, lsn)),
    );
  }

  private hear(connection: Connection, lsn: number): void {
    if (!connection.upOpen || !this.self.running) return;
    if (this.self.pausedUntilUs > this.machine.world.nowUs) {
      this.self.later(0, () => this.hear(connection, lsn));
      return;
    }
    connection.reported = Math.max(connection.reported, lsn);
    this.self.observer.changed();
    this.releaseBy(connection);
  }

  /** `ANY k (names)`: by the setting that this walsender has loaded, over all walsenders (trap 17: not over names). */
  private releaseBy(connection: Connection): void {
    const { self } = this;
    if (self.primary === null || self.waiters.length === 0) return;
    const { names } = connection;
    if (!names.listed.has(connection.name)) return;
    const reported = this.senders.filter((c) => names.listed.has(c.name)).map((c) => c.reported);
    if (reported.length < names.need || names.need < 1) return;
    const lsn = reported.sort((a, b) => b - a)[names.need - 1] ?? 0;
    self.release(lsn, connection);
  }

  /** The status interval is over: every follower reports again. */
  askReplies(): void {
    for (const connection of this.senders) connection.down.replication.reply(connection);
  }

  /** Every walsender loads the names at another moment; when all have, it is told. */
  reload(names: Names, lateUs: number, loaded: () => void): void {
    const all = [...this.senders];
    let left = all.length;
    if (left === 0) return loaded();
    for (const connection of all) {
      this.self.later(this.machine.rng.below(lateUs + 1), () => {
        connection.names = names;
        if (--left === 0) loaded();
      });
    }
  }

  /** What a follower still needs is removed, and its slot with it; upkeep makes another one soon (POSTGRES.md J). */
  loseSlot(id: string): void {
    const { self } = this;
    // A slot in use holds its WAL back.
    if (self.flushed === null || this.senders.some((c) => c.down.machine.id === id)) return;
    if (!this.slots.delete(id)) return;
    this.walGone.set(id, lsnOf(self.flushed));
    self.wait(STATUS_INTERVAL_US, () => {
      const seat = this.seats.get(id);
      if (seat !== undefined) this.slots.set(id, seat);
    });
  }

  makeSlots(ids: readonly string[]): void {
    this.slots.clear();
    this.walGone.clear();
    this.seats = new Map(ids.map((id) => [id, null]));
    for (const id of ids) this.slots.set(id, null);
  }

  /**
   * These and nobody else: the others' slots and connections end, those of another incarnation under the same name as
   * well. A new slot keeps WAL from now on only: of what was before, some may be gone.
   */
  serve(seats: readonly Seat[]): void {
    const { self } = this;
    const before = this.seats;
    this.seats = new Map(seats.map((s) => [s.id, s.incarnation]));
    for (const id of this.slots.keys()) if (!this.seats.has(id)) this.slots.delete(id);
    for (const { id, incarnation } of seats) {
      const had = before.get(id);
      if ((had === undefined || (had !== null && had !== incarnation)) && self.flushed !== null) {
        this.walGone.delete(id);
        if (this.machine.rng.below(4) === 0) this.walGone.set(id, lsnOf(self.flushed));
        this.slots.set(id, incarnation);
      } else if (this.slots.has(id)) this.slots.set(id, incarnation);
    }
    for (const connection of [...this.senders]) {
      if (this.seats.get(connection.down.machine.id) === connection.incarnation) continue;
      this.machine.world.mark("follower_put_out");
      this.dropSender(connection);
      this.tellDown(connection);
    }
  }

  private noteObserver(id: string, incarnation: string): void {
    const ruleset = this.machine.loop?.state.volatile.leading?.ruleset;
    if (ruleset === undefined || ruleset.cohort.some((m) => m.id === id && m.incarnation === incarnation)) return;
    this.machine.world.mark("observer_streams");
  }

  seen(): SenderSeen[] {
    return this.senders.map((c) => ({
      name: c.name,
      streaming: true,
      flushLsn: BigInt(c.reported),
      pid: c.pid,
    }));
  }
}
