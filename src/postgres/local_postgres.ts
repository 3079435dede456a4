/**
 * The Postgres port: takes actions of the core, carries them out one at a time, and reports by event.
 *
 * It decides nothing about consensus. What it does decide is how an action is done to a real Postgres, and that
 * nothing is reported which was not verified. Operations stand in one queue; a clone, a look, a nudge and a checkpoint
 * run beside it.
 */
import { access } from "node:fs/promises";
import { setTimeout as delay, setImmediate as immediate } from "node:timers/promises";
import type { PostgresPort } from "../agent/ports.js";
import type { OpId, PostgresAction } from "../core/effects.js";
import type { PostgresReport } from "../core/events.js";
import type { LeadershipLog } from "../core/leaderships.js";
import type { Seat } from "../core/ruleset/seats.js";
import { holdsData, holdsDataOrNothing } from "./data_dir.js";
import { explain } from "./explain.js";
import { fence } from "./fence.js";
import { type Candidate, findRunning } from "./found.js";
import { GrowingClone } from "./growing_clone.js";
import { LeadershipKeeper } from "./leadership_keeper.js";
import type { FoundOnDisk, LocalPostgresOptions, RevokedFacts } from "./local_options.js";
import { maintainer } from "./maintenance.js";
import { Observer } from "./observer.js";
import { OneAtATime } from "./one_at_a_time.js";
import { Operations } from "./operations.js";
import { discardOld, finishSwap } from "./rejoin.js";
import { isTorn } from "./rewind_marker.js";
import { removeSocketDir } from "./socket_dir.js";
import { Sources } from "./sources.js";

/** How long an operation under way may hold up a sidecar that is being restarted. */
const LEAVE_MS = 2_000;

const nothing = () => undefined;

type Queued = { readonly op: OpId; readonly action: PostgresAction };

export class LocalPostgres implements PostgresPort {
  private readonly options: LocalPostgresOptions;
  private readonly operations: Operations;
  private readonly sources: Sources;
  private readonly observer: Observer;
  private readonly leaderships: LeadershipKeeper;
  private readonly queue = new OneAtATime<Queued>(async (next) => {
    await Promise.all([this.fencing, this.operations.adopting]);
    await this.carryOut(next);
  });
  private catchingUp = new AbortController();
  private readonly clone: GrowingClone;
  /** What ran when the sidecar started, until the core has decided in its first step. */
  private found: Candidate | null = null;
  /** An emergency fence under way, or a Postgres that was found and is not decided on: what starts a Postgres meanwhile would start it for nothing. */
  private fencing: Promise<void> = Promise.resolve();
  /** Ends the wait of all operations for what becomes of the Postgres that was found. */
  private decided: () => void = nothing;

  constructor(options: LocalPostgresOptions) {
    this.options = options;
    this.operations = new Operations(options, {
      gone: (reason) => {
        this.observer.pause();
        options.report({ kind: "exited", reason });
      },
      settings: (settings) => options.report({ kind: "settings_seen", settings }),
    });
    this.clone = new GrowingClone(options, this.operations.cloneDir);
    this.sources = new Sources({
      ...{ self: options.self, replicationUser: options.start.hba.replicationUser, placeOf: options.placeOf },
      credentials: () => options.credentials.current(),
    });
    this.leaderships = new LeadershipKeeper({
      instance: () => this.operations.instance,
      evidence: options.evidence,
      warn: options.warn,
      nowMs: () => performance.now(),
    });
    this.observer = new Observer(
      () => this.operations.instance,
      (observation) => options.report({ kind: "observed", observation }),
      (ms) => options.report({ kind: "unanswered", ms }),
      maintainer({
        ...options,
        ...{ operations: this.operations, leaderships: this.leaderships, count: () => this.count() },
      }),
    );
  }

  /**
   * Before the first step: finishes a swap that a crash cut in two, looks at a Postgres that still runs in the directory
   * (one that is not provably ours is ended), and says what is there. Never changes data.
   */
  async inspect(): Promise<FoundOnDisk> {
    const { dataDir } = this.options.start;
    await finishSwap(dataDir);
    const found = await findRunning(this.options);
    if (found === null) await fence({ dataDir });
    const present = await holdsDataOrNothing(dataDir);
    const oldKept = await access(this.operations.oldDir).then(
      () => true,
      () => false,
    );
    this.found = found;
    if (found !== null)
      this.fencing = new Promise((resolve) => {
        this.decided = resolve;
      });
    this.count();
    return { present, oldKept, torn: await isTorn(dataDir), running: found?.facts ?? null };
  }

  private count(): void {
    this.background("counting the data", () => this.operations.means.count());
  }

  /** The core has decided: this one is ours. */
  private adopt(followers: readonly Seat[]): void {
    const { found } = this;
    this.found = null;
    if (found !== null) this.operations.adopt(found, followers);
    this.decided();
  }

  /**
   * After the first step. What the core did not adopt is ended before anything else is done to it, and before the fuse of the
   * sidecar before is put out, which still counts for it.
   */
  async endUnadopted(): Promise<void> {
    const { found } = this;
    this.found = null;
    try {
      if (found === null) return;
      await fence({ dataDir: this.options.start.dataDir });
      await found.instance.leave();
    } finally {
      this.decided();
    }
  }

  /**
   * Ends everything of ours but Postgres, for the sidecar that will be started again. What is under way may have a while;
   * what it leaves behind is looked at by that one.
   */
  async leave(): Promise<void> {
    this.operations.closing.abort();
    this.queue.clear();
    this.observer.stop();
    await Promise.race([this.queue.idle, delay(LEAVE_MS, undefined, { ref: false })]);
    await Promise.allSettled([this.operations.leave(), this.found?.instance.leave(), this.clone.stop()]);
  }

  perform(op: OpId, action: PostgresAction): void {
    const { dataDir } = this.options.start;
    const { oldDir } = this.operations;
    switch (action.kind) {
      case "adopt":
        this.adopt(action.followers);
        return;
      case "clone":
        this.background("a clone", () => this.clone.start(op, () => this.sources.of(action, "clone")));
        return;
      case "cancel_clone":
        this.clone.cancel();
        return;
      case "emergency_fence":
        this.emergencyFence(immediate());
        return;
      case "cancel_catch_up":
        this.catchingUp.abort();
        return;
      case "observe":
        this.observer.pace(action.everyMs, action.as);
        return;
      case "nudge":
        this.background("nudging the WAL", () => this.operations.nudge());
        return;
      case "checkpoint":
        this.background("the checkpoint after a promotion", async () => {
          await this.operations.checkpoint();
          this.options.report({ kind: "checkpointed", op });
        });
        return;
      case "discard_old":
        this.background("removing the data that a clone replaced", () => discardOld({ dataDir, oldDir }));
        return;
      default:
        // A cancellation may overtake it in the queue.
        if (action.kind === "catch_up") this.catchingUp = new AbortController();
        this.queue.push({ op, action });
    }
  }

  /** @param after what the same step tells the others leaves first: the look through /proc holds this process up, and they are to elect. */
  emergencyFence(after?: Promise<void>): void {
    const now = () => fence({ dataDir: this.options.start.dataDir, graceMs: 0 });
    const fenced = after === undefined ? now() : after.then(now);
    this.fencing = fenced.then(nothing, nothing);
    this.background("the emergency fence", async () => {
      await fenced;
      this.options.report({ kind: "gone" });
    });
  }

  /**
   * Ends everything of ours; Postgres is fenced first of all. An operation under way may still have been starting one, so
   * it is awaited, and fenced again.
   */
  async close(): Promise<void> {
    this.operations.closing.abort();
    this.catchingUp.abort();
    this.queue.clear();
    this.observer.stop();
    await fence({ dataDir: this.options.start.dataDir });
    await this.queue.idle;
    await this.operations.fence();
    await this.clone.stop();
    await removeSocketDir(this.options.start.stateDir);
  }

  /** Who led when and why, as this node's log has it. @throws when it cannot be asked now. */
  leadershipLog(): Promise<LeadershipLog> {
    return this.leaderships.read();
  }

  private async carryOut({ op, action }: Queued): Promise<void> {
    const startedMs = performance.now();
    try {
      const report = await this.operate(op, action);
      this.options.timed(action.kind, performance.now() - startedMs);
      this.options.report(report);
    } catch (error) {
      const present = await holdsData(this.options.start.dataDir);
      this.options.report({
        kind: "failed",
        op,
        reason: `${action.kind}: ${explain(error)}`,
        data: present ? "present" : "absent",
      });
    }
  }

  private async operate(op: OpId, action: PostgresAction): Promise<PostgresReport> {
    switch (action.kind) {
      case "revoke":
        return { kind: "revoked", op, ...(await this.operations.revoke(action.names)) };
      case "follow":
        await this.operations.follow(action, this.sources.place(action.leader), this.sources.credentials());
        return { kind: "following", op };
      case "promote":
        return { kind: "promoted", op, ...(await this.operations.promote(action)) };
      case "write_record": {
        const credentials = action.founding ? await this.options.credentials.ensure() : null;
        return { kind: "record_written", op, lsn: await this.operations.writeRecord(action, credentials) };
      }
      case "set_door":
        await this.operations.setDoor(action.open);
        return { kind: "door_set", op, open: action.open };
      case "drain":
        await this.operations.drain(action.deadlineMs);
        return { kind: "door_set", op, open: false };
      case "set_names":
        await this.operations.setNames(action.names);
        return { kind: "names_set", op };
      case "catch_up":
        return { kind: "caught_up", op, ...(await this.catchUp(action)) };
      case "set_followers":
        await this.operations.setFollowers(action.followers);
        return { kind: "followers_set", op };
      case "swap":
        await this.clone.taken(() => this.operations.swap());
        return { kind: "swapped", op };
      case "rewind":
        await this.operations.rewind({
          term: action.term,
          source: this.sources.of(action, "rewind"),
          onProgress: (told) => this.options.report({ kind: "rewind_progress", op, ...told }),
          said: this.options.said,
        });
        return { kind: "rewound", op };
      case "fence":
      case "stop":
        await this.operations[action.kind]();
        return { kind: action.kind === "stop" ? "stopped" : "fenced", op };
      default:
        throw new Error(`${action.kind} is not an operation of the queue`);
    }
  }

  private catchUp(action: Extract<PostgresAction, { kind: "catch_up" }>): Promise<RevokedFacts> {
    const place = this.sources.place(action.source);
    return this.operations.catchUp(action, place, this.sources.credentials(), this.catchingUp.signal);
  }

  private background(what: string, run: () => Promise<void>): void {
    run().catch((error: unknown) => this.options.warn(`${what} failed: ${explain(error)}`, error));
  }
}
