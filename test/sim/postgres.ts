import type { PostgresReport } from "../../src/core/events.js";
import { Commits } from "./commits.js";
import type { Machine } from "./machine.js";
import { Observer } from "./observer.js";
import { Operations } from "./operations.js";
import { Replication } from "./replication.js";
import { RewindJob } from "./rewind_job.js";
import type { Tip } from "./wal.js";
import { holds, positionOf, recordsBetween, rulesetsOf, sameTip, towards } from "./wal.js";

/** `synchronous_standby_names` as a process has loaded it. */
export interface Names {
  readonly text: string;
  readonly need: number;
  readonly listed: ReadonlySet<string>;
}

const NO_NAMES: Names = { text: "", need: 0, listed: new Set() };

export function parseNames(text: string): Names {
  if (text === "") return NO_NAMES;
  const listed = new Set([...text.matchAll(/"([^"]+)"/g)].map((m) => m[1] ?? ""));
  return { text, need: Number(/^ANY (\d+)/.exec(text)?.[1] ?? 0), listed };
}

/**
 * A Postgres that is honest about its traps: what it inserted, flushed and replayed are three places; after a crash
 * the unflushed tail may have survived or not, and what waited for a quorum is visible (POSTGRES.md trap 14); it always
 * starts as a standby behind a shut door (A.1), with its directory normalized (traps 2, 3, 11: what it holds is what
 * it had flushed).
 */
export class Postgres {
  readonly operations: Operations;
  readonly replication: Replication;
  readonly observer: Observer;
  readonly commits: Commits;
  readonly rewind: RewindJob;
  system: string | null = null;
  hasData = false;
  oldKept = false;
  running = false;
  /** Counts the starts of the process. */
  epoch = 0;
  /** Flushed to disk: what a crash leaves. */
  flushed: Tip | null = null;
  /** In memory beyond that: inserted by a primary, received by a standby. */
  pending: Tip | null = null;
  /** Visible to a standby's sessions, rulesets included (hole H6). */
  replayed: Tip | null = null;
  /** The timeline it writes, when it is a primary. */
  primary: bigint | null = null;
  names: Names = NO_NAMES;
  door: "shut" | "open" = "shut";
  /** What a primary's sessions see: all that was there at the promotion, and every commit released since. */
  visible: Tip | null = null;
  /** A standby that has not streamed since its start may hold what nobody decided (trap 18). */
  streamedSinceStart = false;
  stalledUntilUs = 0;
  pausedUntilUs = 0;
  /** When it last went on after a freeze. */
  thawedUs = Number.NEGATIVE_INFINITY;
  /** The postmaster was killed and left sessions of this term behind, which read on (POSTGRES.md E). */
  orphansOf: bigint | null = null;
  private flushing = false;
  private replaying = false;

  constructor(readonly machine: Machine) {
    this.operations = new Operations(this);
    this.replication = new Replication(this);
    this.observer = new Observer(this);
    this.commits = new Commits(this);
    this.rewind = new RewindJob(this);
  }

  /** Runs later if this very process still runs; a frozen one acts when it is thawed. */
  later(us: number, run: () => void): void {
    this.wait(this.machine.slow(us), run);
  }

  /** The same for a timer of its own, which a slow machine does not stretch. */
  wait(us: number, run: () => void): void {
    const { epoch } = this;
    const fire = () => {
      if (this.epoch !== epoch || !this.running) return;
      const frozenUs = this.pausedUntilUs - this.machine.world.nowUs;
      if (frozenUs > 0) this.machine.world.after(frozenUs, fire);
      else run();
    };
    this.machine.world.after(us, fire);
  }

  report(report: PostgresReport, boot: number): void {
    const { machine } = this;
    if (machine.boot !== boot) return;
    machine.whenAwake(() => {
      if (machine.boot !== boot) return;
      machine.deliver({ kind: "postgres", report });
      this.observer.changed();
    });
  }

  /** Killed with everything in memory: of the unflushed tail any part may have reached the disk. */
  kill(reason: string): void {
    this.orphansOf = null;
    if (!this.running) return;
    const { machine } = this;
    const { world } = machine;
    world.say(`${machine.id} postgres gone: ${reason}`);
    this.running = false;
    this.epoch++;
    if (this.pending !== null && !sameTip(this.pending, this.flushed)) {
      const lost = this.flushed === null ? 0 : recordsBetween(this.flushed, this.pending);
      const survive = machine.rng.below(lost + 1);
      if (survive < lost) world.mark("unflushed_tail_torn");
      this.flushed = this.flushed === null ? this.pending : towards(this.flushed, this.pending, survive);
    }
    if (this.commits.wait) world.mark("died_with_waiters");
    world.clients.gone(this);
    this.pending = this.flushed;
    this.replayed = this.flushed;
    this.primary = null;
    this.visible = null;
    this.door = "shut";
    this.stopWorking();
    this.streamedSinceStart = false;
    this.replication.ended(machine.powered);
    const { boot } = machine;
    if (machine.loop !== null && this.operations.watched) {
      this.operations.watched = false;
      world.after(machine.rng.between(1_000, 10_000), () => this.report({ kind: "exited", reason }, boot));
    }
  }

  /** The postmaster alone: its backends notice in their own time, and the sidecar says so when the last one has. */
  killPostmaster(): void {
    const { machine, primary, door } = this;
    const { world } = machine;
    if (!this.running) return;
    this.kill("killed");
    if (!world.config.leases) return;
    const left = primary !== null && door === "open" && machine.rng.below(2) === 0;
    if (left) {
      world.mark("orphans_left");
      this.orphansOf = primary;
    }
    const { epoch } = this;
    const { boot } = machine;
    const us = left ? machine.rng.below(world.config.detectMs * 3000) : machine.rng.between(1_000, 20_000);
    world.after(us, () => {
      if (this.epoch !== epoch) return;
      this.orphansOf = null;
      this.report({ kind: "gone" }, boot);
    });
  }

  /** Frozen, and thawed later: what it is asked meanwhile it answers then. */
  pause(forUs: number): void {
    const { world } = this.machine;
    this.pausedUntilUs = Math.max(this.pausedUntilUs, world.nowUs + forUs);
    this.observer.frozen();
    world.after(forUs, () => {
      if (world.nowUs >= this.pausedUntilUs) this.thaw();
    });
  }

  thaw(): void {
    const { world } = this.machine;
    this.pausedUntilUs = 0;
    this.thawedUs = world.nowUs;
    world.staleReads.look(this);
  }

  /** Safe start: a standby that receives nothing, its door shut. */
  start(): void {
    if (this.rewind.torn)
      this.machine.world.violate("core", `${this.machine.id} starts what a rewind left, which is no log`);
    this.running = true;
    this.epoch++;
    this.primary = null;
    this.door = "shut";
    this.pending = this.flushed;
    this.replayed = this.flushed;
    this.stopWorking();
    this.replication.started();
  }

  /** A crash in the middle of a swap is finished at the next start. */
  finishSwap(): void {
    this.operations.finishSwap();
  }

  sidecarGone(): void {
    this.operations.sidecarGone();
    this.observer.idle();
  }

  forget(): void {
    this.kill("its data is gone");
    this.hasData = false;
    this.oldKept = false;
    this.system = null;
    this.flushed = null;
    this.pending = null;
    this.replayed = null;
    this.rewind.replaced(null);
    this.operations.forget();
  }

  /** Its directory is put back to what it was. */
  restore(flushed: Tip): void {
    this.operations.forget();
    this.rewind.replaced(flushed);
    this.flushed = flushed;
    this.pending = flushed;
    this.replayed = flushed;
    this.hasData = true;
    this.oldKept = false;
    this.system = flushed.branch.system;
  }

  // ---- WAL ----

  /** A primary's session inserts a record; it waits for its own disk, then (a commit of a client) for the quorum. */
  insert(write: number, ruleset: Tip["branch"]["records"][number]["ruleset"], flushed: (tip: Tip) => void): void {
    const at = this.pending;
    if (this.primary === null || at === null) throw new Error(`${this.machine.id} is no primary`);
    const tip = at.branch.append(8 * this.machine.rng.between(1, 6), write, ruleset);
    this.pending = tip;
    this.afterFlush.push({ tip, run: flushed });
    this.flush();
  }

  private afterFlush: { tip: Tip; run: (tip: Tip) => void }[] = [];

  /** WAL came in over a connection. */
  receive(tip: Tip): void {
    this.pending = tip;
    this.flush();
  }

  private flush(): void {
    if (this.flushing) return;
    this.flushing = true;
    const target = this.pending;
    const { machine } = this;
    const { flushUs } = machine.world.config;
    const us = Math.max(machine.rng.between(flushUs[0], flushUs[1]), machine.diskHangsUntilUs - machine.world.nowUs);
    this.later(us, () => {
      this.flushing = false;
      this.flushed = target;
      this.replication.flushed();
      if (this.primary === null) this.replay();
      const due = this.afterFlush.filter((f) => holds(target, f.tip));
      if (due.length > 0) {
        this.afterFlush = this.afterFlush.filter((f) => !holds(target, f.tip));
        for (const { tip, run } of due) run(tip);
      }
      this.observer.changed();
      if (!sameTip(this.pending, target)) this.flush();
    });
  }

  private replay(): void {
    if (this.replaying || sameTip(this.replayed, this.flushed)) return;
    this.replaying = true;
    const { machine } = this;
    const { world } = machine;
    const { replayUs, replayStalls, detectMs } = world.config;
    const target = this.flushed;
    let us = machine.rng.between(replayUs[0], replayUs[1]);
    if (!world.network.calm && machine.rng.chance(replayStalls)) us += machine.rng.below(detectMs * 2000);
    us = Math.max(us, this.stalledUntilUs - world.nowUs);
    this.later(us, () => {
      this.replaying = false;
      this.replayed = target;
      this.operations.replayedTo();
      this.replay();
    });
  }

  get replayedAll(): boolean {
    return sameTip(this.replayed, this.flushed) && sameTip(this.pending, this.flushed);
  }

  /** What the process before had under way is void. */
  private stopWorking(): void {
    this.afterFlush = [];
    this.flushing = false;
    this.replaying = false;
    this.observer.forget();
    this.commits.forget();
  }

  position() {
    return positionOf(this.flushed);
  }

  rulesets() {
    return rulesetsOf(this.replayed);
  }
}
