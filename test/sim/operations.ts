import type { OpId, PostgresAction } from "../../src/core/effects.js";
import { comparePositions, formatPosition } from "../../src/core/log/position.js";
import type { Range, Report } from "./operation_queue.js";
import { OperationQueue } from "./operation_queue.js";
import { parseNames } from "./postgres.js";
import { CATCHES_UP } from "./replication.js";
import type { Tip } from "./wal.js";
import { Branch, historyOf, holds, lsnOf, positionOf } from "./wal.js";

interface Clone {
  readonly op: OpId;
  readonly boot: number;
  readonly term: bigint;
  ready: { readonly tip: Tip; readonly system: string } | null;
}

/** How long things take, in microseconds, from and to (POSTGRES.md A, C, D, F, G). */
const FENCE: Range = [5_000, 150_000];
const START: Range = [20_000, 150_000];
const REVOKE: Range = [4_000, 30_000];
const FOLLOW: Range = [1_000, 8_000];
const NAMES: Range = [2_000, 25_000];
const RECOVERY: Range = [8_000, 40_000];
const SWALLOWED: Range = [100_000, 2_000_000];
const INITDB: Range = [200_000, 600_000];
const DOOR: Range = [3_000, 50_000];
const DRAIN: Range = [2_000, 5_000];
const CLONE: Range = [50_000, 1_500_000];
const SWAP: Range = [20_000, 100_000];
const NUDGE: Range = [500, 3_000];

/**
 * The adapter and its Postgres as the core sees them: one queue of operations, a clone beside it. Each takes its time,
 * may fail before or after it did its work, and stops where it is when its sidecar or its Postgres dies.
 */
export class Operations extends OperationQueue {
  private clone: Clone | null = null;
  /** A swap renames twice: after a crash in between, the next start finishes it. */
  private halfSwapped = false;
  private waitingReplay: (() => void)[] = [];
  /** From the moment a promotion was asked for, this may be a primary. */
  private maybePrimary = false;
  /** A session of ours is open: its end is noticed. */
  watched = false;

  perform(op: OpId, action: PostgresAction, boot: number): void {
    const { postgres } = this;
    switch (action.kind) {
      case "clone":
        this.startClone(op, action, boot);
        return;
      case "cancel_clone":
        this.clone = null;
        return;
      case "observe":
        postgres.observer.pace(action.everyMs, action.as);
        return;
      case "cancel_catch_up":
        this.cancelCatchUp();
        return;
      case "nudge":
        this.take(NUDGE, () => {
          if (postgres.primary !== null) postgres.insert(0, null, () => {});
        });
        return;
      case "checkpoint":
        return;
      case "discard_old":
        postgres.oldKept = false;
        return;
      default:
        this.queue.push({ op, action, boot });
        this.next();
    }
  }

  sidecarGone(): void {
    this.queue = [];
    this.current = null;
    this.clone = null;
    this.watched = false;
    this.waitingReplay = [];
  }

  forget(): void {
    this.clone = null;
    this.halfSwapped = false;
  }

  finishSwap(): void {
    this.maybePrimary = false;
    if (!this.halfSwapped) return;
    this.halfSwapped = false;
    this.world.mark("swap_finished_after_crash");
  }

  replayedTo(): void {
    if (!this.postgres.replayedAll) return;
    const waiting = this.waitingReplay;
    this.waitingReplay = [];
    for (const run of waiting) run();
  }

  /** Sessions end once none of their commits waits. */
  private drained(untilUs: number): void {
    const { postgres, world } = this;
    if (!postgres.running || world.nowUs >= untilUs) return this.fail("a session did not end");
    if (postgres.waiters.length > 0) return this.running(DRAIN, () => this.drained(untilUs));
    world.clients.ended(postgres);
    this.finish({ kind: "door_set", open: false });
  }

  protected begin(action: PostgresAction): void {
    switch (action.kind) {
      case "revoke":
        return this.revoke(action.names);
      case "follow":
        return this.follow(action.leader, action.term);
      case "promote":
        return this.promote(action);
      case "write_record":
        return this.write(action);
      case "set_door":
        return this.running(DOOR, () => {
          this.postgres.door = action.open ? "open" : "shut";
          if (!action.open) this.world.clients.ended(this.postgres);
          this.world.checker.door(this.postgres);
          this.finish({ kind: "door_set", open: action.open });
        });
      case "drain":
        return this.running(DOOR, () => {
          this.postgres.door = "shut";
          this.drained(this.world.nowUs + action.deadlineMs * 1000);
        });
      case "set_names":
        return this.setNames(action.names);
      case "set_followers":
        return this.takeStep(FENCE, () => {
          this.postgres.replication.serve(action.followers);
          this.finish({ kind: "followers_set" });
        });
      case "catch_up":
        return this.catchUp(action);
      case "swap":
        return this.swap();
      case "fence":
        return this.takeStep(FENCE, () => {
          this.killed("fence");
          this.finish({ kind: "fenced" });
        });
      default:
        throw new Error(`${action.kind} is not an operation of the queue`);
    }
  }

  private killed(reason: string): void {
    this.watched = false;
    this.maybePrimary = false;
    this.postgres.kill(reason);
  }

  // ---- the operations ----

  private revoke(names: string | null): void {
    const { postgres } = this;
    if (!postgres.hasData) return this.fail("there is no data directory");
    if (this.maybePrimary || !this.watched || !postgres.running) {
      this.takeStep(postgres.running ? FENCE : [0, 1_000], () => {
        this.killed("fenced to be started as a standby");
        this.takeStep(START, () => {
          if (!postgres.hasData) return this.fail("there is no data directory");
          postgres.start();
          this.watched = true;
          this.standStill(names);
        });
      });
      return;
    }
    this.running(REVOKE, () => this.standStill(names));
  }

  /** The receiver is gone; what it brought is replayed first, or rulesets would be hidden (hole H6). */
  private standStill(names: string | null): void {
    const { postgres } = this;
    postgres.replication.stopReceiving();
    if (names !== null) postgres.names = parseNames(names);
    this.whenReplayed(() =>
      this.finish({
        kind: "revoked",
        position: postgres.position(),
        rulesets: postgres.rulesets(),
        systemIdentifier: postgres.system ?? "",
        door: postgres.door,
      }),
    );
  }

  private whenReplayed(run: () => void): void {
    const { postgres } = this;
    const operation = this.current;
    if (postgres.replayedAll) return run();
    this.world.mark("waited_for_replay");
    const { epoch } = postgres;
    this.waitingReplay.push(() => {
      if (this.current === operation && postgres.epoch === epoch) run();
    });
    // A Postgres that dies meanwhile never gets there.
    this.watchDeath(epoch);
  }

  private watchDeath(epoch: number): void {
    this.step(20_000, () => {
      if (this.postgres.epoch !== epoch || !this.postgres.running) this.fail("Postgres died meanwhile");
      else if (!this.postgres.replayedAll || this.waitingReplay.length > 0) this.watchDeath(epoch);
    });
  }

  private follow(leader: string, term: bigint): void {
    this.running(FOLLOW, () => {
      const target = this.world.named(leader);
      if (target === undefined) return this.fail(`no address is known for ${leader}`);
      this.postgres.replication.dial(target, `${this.postgres.machine.id}@${term}`);
      this.finish({ kind: "following" });
    });
  }

  /** Streams from another standby that stands still, as far as that one has got, and stands still again. */
  private catchUp(action: Extract<PostgresAction, { kind: "catch_up" }>): void {
    const { postgres, world } = this;
    this.running(FOLLOW, () => {
      const source = world.named(action.source);
      if (source === undefined) return this.fail(`no address is known for ${action.source}`);
      if (!holds(source.postgres.flushed, postgres.flushed)) return this.fail("its log is no part of the other one");
      postgres.replication.dial(source, `${postgres.machine.id}@${action.term}${CATCHES_UP}`);
      const operation = this.current;
      const { epoch } = postgres;
      const poll = () => {
        if (this.current !== operation) return;
        if (!postgres.running || postgres.epoch !== epoch) return this.fail("Postgres died meanwhile");
        const there = comparePositions(postgres.position(), action.position) >= 0 && postgres.replayedAll;
        if (there || this.cancelled === operation?.op) return this.caughtUp();
        this.step(5_000, poll);
      };
      poll();
    });
  }

  private cancelled: OpId | null = null;

  private cancelCatchUp(): void {
    const all = this.current === null ? this.queue : [this.current, ...this.queue];
    this.cancelled = all.find((q) => q.action.kind === "catch_up")?.op ?? null;
  }

  private caughtUp(): void {
    const { postgres } = this;
    postgres.replication.stopReceiving();
    this.whenReplayed(() => {
      this.world.mark("caught_up");
      this.finish({
        kind: "caught_up",
        position: postgres.position(),
        rulesets: postgres.rulesets(),
        systemIdentifier: postgres.system ?? "",
        door: postgres.door,
      });
    });
  }

  private promote(action: Extract<PostgresAction, { kind: "promote" }>): void {
    const { postgres, world } = this;
    if (action.founding) {
      this.takeStep(INITDB, () => {
        this.killed("founding");
        postgres.forget();
        postgres.hasData = true;
        postgres.system = `system-${postgres.machine.id}-${postgres.machine.boot}-${action.term}`;
        const first = new Branch(1n, null, postgres.machine.index, postgres.system).append(16, 0, null);
        postgres.flushed = first;
        this.takeStep(START, () => {
          postgres.start();
          this.watched = true;
          this.askToPromote(action);
        });
      });
      return;
    }
    this.running(NAMES, () => {
      if (postgres.primary !== null) return this.fail("Postgres is out of recovery already");
      if (postgres.replication.streams) return this.fail("a walreceiver runs");
      if (comparePositions(positionOf(postgres.replayed), action.position) !== 0 || !postgres.replayedAll) {
        world.mark("promote_position_moved");
        return this.fail(`stands at ${formatPosition(postgres.position())}, not at ${formatPosition(action.position)}`);
      }
      this.askToPromote(action);
    });
  }

  /** Names in force, door shut, sessions ended, slots made; then Postgres is asked, and does the rest by itself. */
  private askToPromote(action: Extract<PostgresAction, { kind: "promote" }>): void {
    const { postgres, world } = this;
    const { rng } = postgres.machine;
    this.maybePrimary = true;
    postgres.names = parseNames(action.names);
    postgres.door = "shut";
    world.clients.ended(postgres);
    postgres.replication.makeSlots(action.followers);
    let us = rng.between(RECOVERY[0], RECOVERY[1]);
    if (!world.network.calm && rng.chance(world.config.promoteSwallowed)) {
      world.mark("promotion_swallowed");
      us += rng.between(SWALLOWED[0], SWALLOWED[1]);
    }
    const operation = this.current;
    const { epoch } = postgres;
    postgres.later(us, () => {
      const tip = postgres.flushed;
      if (tip === null || postgres.primary !== null) return;
      const branch = new Branch(action.term, tip, postgres.machine.index, postgres.system ?? "");
      world.checker.promoted(postgres, branch);
      postgres.primary = action.term;
      postgres.pending = { branch, count: 0 };
      postgres.visible = tip;
      // Sessions that were open on a standby become writable at this moment (trap 22): they were ended before.
      postgres.insert(0, null, () => {});
      postgres.observer.changed();
    });
    const poll = () => {
      if (this.current !== operation) return;
      if (!postgres.running || postgres.epoch !== epoch)
        return this.fail("Postgres died in the middle of its promotion");
      if (postgres.primary === null) return this.step(5_000, poll);
      const { flushed } = postgres;
      // Verified once its own first record is on disk: Postgres chose the number.
      if (flushed === null || flushed.branch.timeline !== action.term) return this.step(2_000, poll);
      this.finish({ kind: "promoted", history: historyOf(flushed), systemIdentifier: postgres.system ?? "" });
    };
    this.step(us, poll);
  }

  private write(action: Extract<PostgresAction, { kind: "write_record" }>): void {
    const { postgres } = this;
    this.running([500, 5_000], () => {
      if (postgres.primary === null) return this.fail("cannot execute INSERT in a read-only transaction");
      const operation = this.current;
      const { epoch } = postgres;
      let written: Tip | null = null;
      this.world.operators.writes(action.cause, action.record);
      postgres.insert(0, action.record, (tip) => {
        written = tip;
        this.world.checker.recordWritten(postgres, tip, action.record);
      });
      const poll = () => {
        if (this.current !== operation) return;
        if (!postgres.running || postgres.epoch !== epoch) return this.fail("the session was closed");
        if (written === null) return this.step(1_000, poll);
        this.finish({ kind: "record_written", lsn: BigInt(lsnOf(written)) });
      };
      poll();
    });
  }

  private setNames(text: string): void {
    const { postgres, world } = this;
    this.running(NAMES, () => {
      const names = parseNames(text);
      postgres.names = names;
      const operation = this.current;
      postgres.replication.reload(names, world.config.namesLateUs, () => {
        if (this.current === operation) this.takeStep([1_000, 5_000], () => this.finish({ kind: "names_set" }));
      });
      this.step(5_000_000, () => this.fail("a walsender did not load the names"));
    });
  }

  private swap(): void {
    const { postgres, world } = this;
    const { clone } = this;
    if (clone?.ready == null) return this.fail("there is no clone");
    this.takeStep(SWAP, () => {
      if (this.clone !== clone || clone.ready === null) return this.fail("the clone is gone");
      const { tip, system } = clone.ready;
      if (!holds(tip, postgres.flushed)) world.mark("diverged_tail_dropped");
      this.killed("swap");
      postgres.system = system;
      postgres.hasData = true;
      postgres.oldKept = true;
      postgres.flushed = tip;
      postgres.pending = tip;
      postgres.replayed = tip;
      this.clone = null;
      this.halfSwapped = true;
      world.mark("swapped");
      this.takeStep([1_000, 40_000], () => {
        this.halfSwapped = false;
        this.finish({ kind: "swapped" });
      });
    });
  }

  /** A base backup of the leader, beside the data: it ends with all that the leader had flushed when it ended. */
  private startClone(op: OpId, action: Extract<PostgresAction, { kind: "clone" }>, boot: number): void {
    const { postgres, world } = this;
    const { machine } = postgres;
    const clone: Clone = { op, boot, term: action.term, ready: null };
    this.clone = clone;
    const leader = world.named(action.leader);
    const done = (report: Report) => {
      if (this.clone === clone) postgres.report(report, boot);
    };
    const failed = (reason: string) => {
      world.mark("clone_interrupted");
      done({ kind: "failed", op, reason, data: postgres.hasData ? "present" : "absent" });
    };
    if (leader === undefined) return failed("no address is known");
    const reachable = () => leader.postgres.running && world.network.bothWays(machine.index, leader.index, "wal");
    const { epoch } = leader.postgres;
    const us = machine.slow(machine.rng.between(CLONE[0], CLONE[1]) / (world.hurried ? 10 : 1));
    const look = (leftUs: number) => {
      world.after(Math.min(leftUs, 200_000), () => {
        if (this.clone !== clone || machine.boot !== boot) return;
        const from = leader.postgres;
        // A standby serves a base backup as well, of what it has replayed.
        const served = from.primary !== null ? from.flushed : world.config.cascades > 0 ? from.replayed : null;
        if (!reachable() || from.epoch !== epoch || served === null) return failed("the leader is gone");
        if (leftUs > 200_000) return look(leftUs - 200_000);
        if (!world.network.calm && machine.rng.chance(world.config.operationFails)) return failed("no space left");
        clone.ready = { tip: served, system: from.system ?? "" };
        const position = positionOf(served);
        done({ kind: "cloned", op, position, systemIdentifier: clone.ready.system });
      });
    };
    look(us);
  }
}
