import type { SenderSeen } from "../../src/core/events.js";
import type { Seat } from "../../src/core/ruleset/seats.js";
import { isLetInDiverged, mayDial, noteObserver } from "./admission.js";
import type { Connection } from "./connection.js";
import type { Machine } from "./machine.js";
import type { Names, Postgres } from "./postgres.js";
import { Slots } from "./slots.js";
import type { Tip } from "./wal.js";
import { holds, lsnOf, sameTip } from "./wal.js";

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
  readonly slots: Slots;
  private pids = 0;
  private dials = 0;
  private dialling = 0;

  constructor(private readonly self: Postgres) {
    this.slots = new Slots(self);
  }

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

  /** Whose WAL comes in, and under which term it dialled; null while none does, or for a promotion's sake. */
  followed(): { readonly leader: string; readonly term: bigint } | null {
    const { target, up } = this;
    const name = /^[^@]+@(\d+)$/.exec(target?.name ?? "");
    if (target === null || up?.downOpen !== true || name === null) return null;
    return { leader: target.leader.id, term: BigInt(name[1] ?? 0) };
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
    const { up } = connection;
    this.tell(up.machine.index, () => up.replication.dropSender(connection));
  }

  private tellDown(connection: Connection): void {
    const { down } = connection;
    this.tell(down.machine.index, () => down.replication.loseUp(connection));
  }

  /** The end of a connection reaches the other end when the link flows. */
  private tell(there: number, run: () => void): void {
    const { world, index } = this.machine;
    const { network } = world;
    network.whenPassing(index, there, "wal", () => world.after(network.latencyUs(index, there), run));
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
    const incarnation = down.machine.disk?.incarnation ?? "";
    if (self.flushed === null || !mayDial(self, this.slots, down, name)) return null;
    const held = this.senders.find((c) => c.down.machine.id === id);
    if (held !== undefined && !world.config.slotless) {
      // Its old walsender still holds the slot: the collision makes it look, and it finds nobody there (trap 17).
      world.mark("slot_busy");
      self.later(this.machine.rng.between(1_000, 50_000), () => this.dropSender(held));
      return null;
    }
    const contained = holds(self.flushed, down.flushed);
    if (!contained && !isLetInDiverged(self, down)) return null;
    if (self.primary === null) world.mark("cascade");
    const connection: Connection = {
      ...{ incarnation, up: self, down, upEpoch: self.epoch, downEpoch: down.epoch, name, pid: ++this.pids },
      ...{ names: self.names, upOpen: true, downOpen: true, sending: false, sent: down.flushed },
      // A walreceiver starts by reporting what it has replayed as flushed.
      ...{ reported: down.replayed === null ? 0 : lsnOf(down.replayed), diverged: !contained },
    };
    this.senders.push(connection);
    down.streamedSinceStart ||= contained;
    if (self.primary !== null) noteObserver(self, id, incarnation);
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
    self.rewind.received(connection.up);
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
    if (self.primary === null || !self.commits.wait) return;
    const { names } = connection;
    if (!names.listed.has(connection.name)) return;
    const reported = this.senders.filter((c) => names.listed.has(c.name)).map((c) => c.reported);
    if (reported.length < names.need || names.need < 1) return;
    const lsn = reported.sort((a, b) => b - a)[names.need - 1] ?? 0;
    self.commits.release(lsn, connection);
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

  loseSlot(id: string): void {
    // A slot in use holds its WAL back.
    if (!this.senders.some((c) => c.down.machine.id === id)) this.slots.lose(id);
  }

  /** These and nobody else: the others' slots and connections end, those of another incarnation under the same name as well. */
  serve(seats: readonly Seat[]): void {
    this.slots.seat(seats);
    for (const connection of [...this.senders]) {
      if (this.slots.isSeated(connection.down.machine.id, connection.incarnation)) continue;
      this.machine.world.mark("follower_put_out");
      this.dropSender(connection);
      this.tellDown(connection);
    }
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
