import type { OpId, PostgresAction } from "../../src/core/effects.js";
import { comparePositions } from "../../src/core/log/position.js";
import { CATCHES_UP, hasRemovedWal } from "./admission.js";
import { markCaughtUp } from "./lease_marks.js";
import type { Range } from "./operation_queue.js";
import { FOLLOW, OperationQueue } from "./operation_queue.js";
import type { Postgres } from "./postgres.js";
import { parseNames } from "./postgres.js";
import { holds } from "./wal.js";

/** How long things take, in microseconds, from and to (POSTGRES.md A, E, F). */
export const FENCE: Range = [5_000, 150_000];
export const START: Range = [20_000, 150_000];
const REVOKE: Range = [4_000, 30_000];
const KILL: Range = [1_000, 20_000];
/** Done in a session that ends with its Postgres. */
const SESSIONS: ReadonlySet<string> = new Set(["write_record", "set_door", "set_names", "set_followers"]);

function meansOf(postgres: Postgres) {
  const means = postgres.rewind.means();
  return means === undefined ? {} : { means };
}

/** Whatever ends with a Postgres that stands still, or is gone: revocation, catch-up, fences. */
export abstract class Standstill extends OperationQueue {
  private waitingReplay: (() => void)[] = [];
  /** When the emergency fence is over: nothing is started before. */
  private fencedAtUs = 0;
  /** From the moment a promotion was asked for, this may be a primary. */
  protected maybePrimary = false;
  /** A session of ours is open: its end is noticed. */
  watched = false;

  sidecarGone(): void {
    this.queue = [];
    this.current = null;
    this.watched = false;
    this.waitingReplay = [];
  }

  replayedTo(): void {
    if (!this.postgres.replayedAll) return;
    const waiting = this.waitingReplay;
    this.waitingReplay = [];
    for (const run of waiting) run();
  }

  /**
   * SIGKILL at once; an operation that talked to Postgres sees its session close. On a machine that has much to do it may
   * take as long as the lease leaves it: only what begins at its end is sure to be quick.
   */
  protected emergencyFence(boot: number): void {
    const { postgres, world } = this;
    const { rng, fuse } = postgres.machine;
    let us = rng.between(KILL[0], KILL[1]);
    if (!world.network.calm && rng.below(4) === 0 && fuse.leftUs > us) {
      us = rng.between(us, fuse.leftUs);
      world.mark("fence_took_long");
    }
    this.fencedAtUs = world.nowUs + us;
    world.after(us, () => {
      postgres.kill("emergency fence");
      this.maybePrimary = false;
      if (this.current !== null && SESSIONS.has(this.current.action.kind)) this.fail("the session was closed");
      postgres.report({ kind: "gone" }, boot);
    });
  }

  protected killed(reason: string): void {
    this.watched = false;
    this.maybePrimary = false;
    this.postgres.kill(reason);
  }

  protected revoke(names: string | null): void {
    const { postgres } = this;
    if (!postgres.hasData) return this.fail("there is no data directory");
    const fencingUs = this.fencedAtUs - this.world.nowUs;
    if (fencingUs > 0) return this.step(fencingUs, () => this.revoke(names));
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
        ...meansOf(postgres),
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

  /** Streams from another standby that stands still, as far as that one has got, and stands still again. */
  protected catchUp(action: Extract<PostgresAction, { kind: "catch_up" }>): void {
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
        if (there) {
          markCaughtUp(source.postgres);
          this.caughtUpTerm = action.term;
        }
        if (there || this.cancelled === operation?.op) return this.caughtUp();
        if (!postgres.replication.streams && hasRemovedWal(source.postgres, postgres))
          return this.fail(`${action.source} says that it has removed WAL that is needed here`);
        this.step(5_000, poll);
      };
      poll();
    });
  }

  private cancelled: OpId | null = null;
  protected caughtUpTerm = 0n;

  protected cancelCatchUp(): void {
    const all = this.current === null ? this.queue : [this.current, ...this.queue];
    this.cancelled = all.find((q) => q.action.kind === "catch_up")?.op ?? null;
  }

  private caughtUp(): void {
    const { postgres } = this;
    postgres.replication.stopReceiving();
    this.whenReplayed(() => {
      this.finish({
        kind: "caught_up",
        position: postgres.position(),
        rulesets: postgres.rulesets(),
        systemIdentifier: postgres.system ?? "",
        door: postgres.door,
      });
    });
  }
}
