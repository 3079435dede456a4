/**
 * The Postgres port: takes actions of the core, carries them out one at a time, and reports by event.
 *
 * It decides nothing about consensus. What it does decide is how an action is done to a real Postgres, and that
 * nothing is reported which was not verified. Operations stand in one queue; a clone, a look, a nudge and a checkpoint
 * run beside it.
 */
import { access } from "node:fs/promises";
import type { Credentials, MadeCredentials, PostgresPort } from "../agent/ports.js";
import type { OpId, PostgresAction } from "../core/effects.js";
import type { PostgresReport } from "../core/events.js";
import type { LeadershipLog } from "../core/leaderships.js";
import type { BootData } from "../core/postgres_known.js";
import type { TermEvidence } from "../core/term_evidence.js";
import { CloneJob } from "./clone_job.js";
import { holdsData, holdsDataOrNothing } from "./data_dir.js";
import { fence } from "./fence.js";
import type { Instance } from "./instance.js";
import { LeadershipKeeper } from "./leadership_keeper.js";
import type { LocalOptions } from "./local_options.js";
import { Observer } from "./observer.js";
import { Operations } from "./operations.js";
import { discardOld, finishSwap } from "./rejoin.js";
import { isTorn } from "./rewind_marker.js";
import { readNewest } from "./ruleset_table.js";
import { maintainSlots } from "./slots.js";
import { removeSocketDir } from "./socket_dir.js";
import { type Place, Sources } from "./sources.js";

export interface LocalPostgresOptions extends LocalOptions {
  readonly report: (report: PostgresReport) => void;
  /** What cannot be reported by event: a background step that failed without harm. */
  readonly warn: (text: string, cause: unknown) => void;
  /** A line of a program of Postgres that works for a while. */
  readonly said: (text: string) => void;
  readonly credentials: { current(): Credentials | null; ensure(): Promise<MadeCredentials> };
  /** Where a peer's Postgres is. */
  readonly placeOf: (node: string) => Place | null;
  /** What is known of the term that this node leads, to be kept for people. */
  readonly evidence: () => TermEvidence | null;
}

type Queued = { readonly op: OpId; readonly action: PostgresAction };

export class LocalPostgres implements PostgresPort {
  private readonly options: LocalPostgresOptions;
  private readonly operations: Operations;
  private readonly sources: Sources;
  private readonly observer: Observer;
  private readonly leaderships: LeadershipKeeper;
  private readonly queue: Queued[] = [];
  private busy = false;
  private working: Promise<void> = Promise.resolve();
  /** Clones that were cancelled and are not gone yet: the next one grows in the same place. */
  private ending: Promise<unknown> = Promise.resolve();
  private clone: CloneJob | null = null;
  /** An emergency fence under way: what starts a Postgres meanwhile would start it for nothing. */
  private fencing: Promise<void> = Promise.resolve();
  /** What was last said of the table of rulesets. */
  private tableTrouble = "";

  constructor(options: LocalPostgresOptions) {
    this.options = options;
    this.operations = new Operations(options, {
      gone: (reason) => {
        this.observer.pause();
        options.report({ kind: "exited", reason });
      },
    });
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
      (instance, as) => this.maintain(instance, as),
    );
  }

  /**
   * Before the first step: finishes a swap that a crash cut in two, ends a Postgres that still runs in the directory,
   * and says what is there. Never changes data.
   */
  async inspect(): Promise<BootData> {
    const { dataDir } = this.options.start;
    await finishSwap(dataDir);
    await fence({ dataDir });
    const present = await holdsDataOrNothing(dataDir);
    const oldKept = await access(this.operations.oldDir).then(
      () => true,
      () => false,
    );
    this.background("counting the data", () => this.operations.means.count());
    return { present, oldKept, torn: await isTorn(dataDir) };
  }

  perform(op: OpId, action: PostgresAction): void {
    switch (action.kind) {
      case "clone":
        this.startClone(op, action);
        return;
      case "cancel_clone":
        this.cancelClone();
        return;
      case "cancel_catch_up":
        // None is ever under way: it is refused below, and its report ends it.
        return;
      case "emergency_fence":
        this.emergencyFence();
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
        this.background("removing the data that a clone replaced", () =>
          discardOld({ dataDir: this.options.start.dataDir, oldDir: this.operations.oldDir }),
        );
        return;
      default:
        this.queue.push({ op, action });
        this.work();
    }
  }

  emergencyFence(): void {
    const fenced = fence({ dataDir: this.options.start.dataDir, graceMs: 0 });
    this.fencing = fenced.then(
      () => {},
      () => {},
    );
    this.background("the emergency fence", async () => {
      await fenced;
      this.options.report({ kind: "gone" });
    });
  }

  /**
   * Ends everything of ours; Postgres is fenced first of all. An operation under way may still have been starting one, so
   * it is awaited, and fenced again. A finished clone is left alone: it may be on its way into the place of the data.
   */
  async close(): Promise<void> {
    this.operations.closing.abort();
    this.queue.length = 0;
    this.observer.stop();
    await fence({ dataDir: this.options.start.dataDir });
    await this.working;
    await this.operations.fence();
    await Promise.allSettled([this.clone?.stop(), this.ending]);
    await removeSocketDir(this.options.start.stateDir);
  }

  /** Who led when and why, as this node's log has it. @throws when it cannot be asked now. */
  leadershipLog(): Promise<LeadershipLog> {
    return this.leaderships.read();
  }

  /** Now and then, while nobody waits. */
  private async maintain(instance: Instance, as: "leader" | "follower"): Promise<void> {
    this.background("counting the data", () => this.operations.means.count());
    await maintainSlots(instance.observer, as, this.operations.followers);
    if (as === "follower") return;
    const read = await readNewest(instance.observer).catch((error: unknown) => {
      return { kind: "damaged", reason: explain(error) } as const;
    });
    if (this.operations.instance !== instance) return;
    const trouble = read.kind === "damaged" ? read.reason : read.kind === "locked" ? "somebody had locked it" : "";
    if (trouble !== this.tableTrouble && trouble !== "")
      this.options.warn(`quorate.ruleset_history cannot be read: ${trouble}`, trouble);
    this.tableTrouble = trouble;
    if (trouble === "") this.options.report({ kind: "records_seen", records: read.kind === "rows" ? read.rows : [] });
    await this.leaderships.keep(instance);
  }

  private work(): void {
    if (this.busy) return;
    this.busy = true;
    this.working = this.workOff();
  }

  private async workOff(): Promise<void> {
    for (let next = this.queue.shift(); next !== undefined; next = this.queue.shift()) {
      await this.fencing;
      await this.carryOut(next);
    }
    this.busy = false;
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
      case "set_names":
        await this.operations.setNames(action.names);
        return { kind: "names_set", op };
      case "catch_up":
        throw new Error(`taking the log from ${action.source} before a promotion is not in this version`);
      case "set_followers":
        // Nothing asks for it before changes of the rules can be asked for.
        throw new Error("a running leader's followers cannot be changed in this version");
      case "swap":
        await this.ending;
        await this.operations.swap();
        this.clone = null;
        return { kind: "swapped", op };
      case "rewind":
        await this.operations.rewind({
          term: action.term,
          source: this.sources.of(action, "rewind"),
          onPercent: (percent) => this.options.report({ kind: "rewind_progress", op, percent }),
          said: this.options.said,
        });
        return { kind: "rewound", op };
      case "fence":
        await this.operations.fence();
        return { kind: "fenced", op };
      default:
        throw new Error(`${action.kind} is not an operation of the queue`);
    }
  }

  private startClone(op: OpId, action: Extract<PostgresAction, { kind: "clone" }>): void {
    this.cancelClone();
    const before = this.ending;
    const job = new CloneJob({
      dir: this.operations.cloneDir,
      user: this.options.start.user,
      op,
      report: (report) => {
        if (this.clone === job) this.options.report(report);
      },
      dataDir: this.options.start.dataDir,
    });
    this.clone = job;
    this.background("a clone", async () => {
      await before;
      await job.run(this.sources.of(action, "clone"));
    });
  }

  private cancelClone(): void {
    const job = this.clone;
    this.clone = null;
    if (job === null) return;
    this.ending = Promise.allSettled([this.ending, job.cancel()]);
  }

  private background(what: string, run: () => Promise<void>): void {
    run().catch((error: unknown) => this.options.warn(`${what} failed: ${explain(error)}`, error));
  }
}

function explain(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
