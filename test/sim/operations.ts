import type { OpId, PostgresAction } from "../../src/core/effects.js";
import { comparePositions, formatPosition } from "../../src/core/log/position.js";
import { CloneJob } from "./clone_job.js";
import type { Range } from "./operation_queue.js";
import { FOLLOW } from "./operation_queue.js";
import { parseNames } from "./postgres.js";
import { FENCE, START, Standstill } from "./standstill.js";
import type { Tip } from "./wal.js";
import { Branch, historyOf, holds, lsnOf, positionOf } from "./wal.js";

/** How long things take, in microseconds, from and to (POSTGRES.md A, C, D, F, G). */
const NAMES: Range = [2_000, 25_000];
const RECOVERY: Range = [8_000, 40_000];
const SWALLOWED: Range = [100_000, 2_000_000];
const INITDB: Range = [200_000, 600_000];
const DOOR: Range = [3_000, 50_000];
const DRAIN: Range = [2_000, 5_000];
const SWAP: Range = [20_000, 100_000];
const FLUSH: Range = [2_000, 200_000];
const NUDGE: Range = [500, 3_000];

/**
 * The adapter and its Postgres as the core sees them: one queue of operations, a clone beside it. Each takes its time,
 * may fail before or after it did its work, and stops where it is when its sidecar or its Postgres dies.
 */
export class Operations extends Standstill {
  private readonly clone = new CloneJob(this.postgres);
  /** A swap renames twice: after a crash in between, the next start finishes it. */
  private halfSwapped = false;

  perform(op: OpId, action: PostgresAction, boot: number): void {
    const { postgres } = this;
    switch (action.kind) {
      case "clone":
        this.clone.start(op, action, boot);
        return;
      case "cancel_clone":
        this.clone.current = null;
        return;
      case "observe":
        postgres.observer.pace(action.everyMs, action.as);
        return;
      case "cancel_catch_up":
        this.cancelCatchUp();
        return;
      case "emergency_fence":
        this.world.mark("emergency_fence_asked");
        if (this.current !== null) this.world.mark("fenced_behind_an_operation");
        return this.emergencyFence(boot);
      case "nudge":
        this.take(NUDGE, () => {
          if (postgres.primary !== null) postgres.insert(0, null, () => {});
        });
        return;
      case "checkpoint":
        // Of a standby: asked for before it is stopped.
        if (postgres.primary === null)
          return this.take(FLUSH, () => postgres.report({ kind: "checkpointed", op }, boot));
        postgres.rewind.checkpointed(() => postgres.report({ kind: "checkpointed", op }, boot));
        return;
      case "discard_old":
        postgres.oldKept = false;
        return;
      case "adopt":
        this.world.mark(postgres.primary === null ? "adopted_follower" : "adopted_leader");
        return this.adopt();
      default:
        this.queue.push({ op, action, boot });
        this.next();
    }
  }

  override sidecarGone(): void {
    super.sidecarGone();
    this.clone.current = null;
  }

  forget(): void {
    this.clone.current = null;
    this.halfSwapped = false;
  }

  private adopt(): void {
    this.watched = this.postgres.running;
    this.maybePrimary = this.postgres.primary !== null;
  }

  finishSwap(): void {
    this.maybePrimary = false;
    if (!this.halfSwapped) return;
    this.halfSwapped = false;
    this.world.mark("swap_finished_after_crash");
  }

  /** Sessions end once none of their commits waits. */
  private drained(untilUs: number): void {
    const { postgres, world } = this;
    if (!postgres.running || world.nowUs >= untilUs) return this.fail("a session did not end");
    if (postgres.commits.wait) return this.running(DRAIN, () => this.drained(untilUs));
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
      case "rewind":
        return this.rewind(action.leader);
      case "fence":
      case "stop":
        return this.takeStep(FENCE, () => {
          this.killed(action.kind);
          this.finish({ kind: action.kind === "stop" ? "stopped" : "fenced" });
        });
      default:
        throw new Error(`${action.kind} is not an operation of the queue`);
    }
  }

  // ---- the operations ----

  private follow(leader: string, term: bigint): void {
    this.running(FOLLOW, () => {
      const target = this.world.named(leader);
      if (target === undefined) return this.fail(`no address is known for ${leader}`);
      this.postgres.replication.dial(target, `${this.postgres.machine.id}@${term}`);
      this.finish({ kind: "following" });
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
        postgres.rewind.replaced(first);
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
    postgres.replication.slots.make(action.followers);
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
      if (this.caughtUpTerm === action.term) world.mark("led_after_a_catch_up");
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

  /** Postgres is stopped cleanly where it stands; what the program does to its directory is in rewind_job.ts. */
  private rewind(leader: string): void {
    const { postgres, world } = this;
    this.takeStep(FENCE, () => {
      this.killed("rewind");
      const source = world.named(leader)?.postgres;
      if (source === undefined) return this.fail(`no address is known for ${leader}`);
      postgres.rewind.run(
        source,
        (us, run) => this.step(us, run),
        (fault) => (fault === null ? this.finish({ kind: "rewound" }) : this.fail(fault)),
      );
    });
  }

  private swap(): void {
    const { postgres, world } = this;
    const clone = this.clone.current;
    if (clone?.ready == null) return this.fail("there is no clone");
    this.takeStep(SWAP, () => {
      if (this.clone.current !== clone || clone.ready === null) return this.fail("the clone is gone");
      const { tip, system } = clone.ready;
      if (!holds(tip, postgres.flushed)) world.mark("diverged_tail_dropped");
      this.killed("swap");
      postgres.rewind.replaced(tip);
      postgres.system = system;
      postgres.hasData = true;
      postgres.oldKept = true;
      postgres.flushed = tip;
      postgres.pending = tip;
      postgres.replayed = tip;
      this.clone.current = null;
      this.halfSwapped = true;
      world.mark("swapped");
      this.takeStep([1_000, 40_000], () => {
        this.halfSwapped = false;
        this.finish({ kind: "swapped" });
      });
    });
  }
}
