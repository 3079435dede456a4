import { Loop } from "../../src/agent/loop.js";
import type { Event } from "../../src/core/events.js";
import { CLOCK_LAG_MAX_MS } from "../../src/core/lease/bounds.js";
import type { PromiseMade } from "../../src/core/messages.js";
import type { Durable } from "../../src/core/state.js";
import { freshDurable, initialState } from "../../src/core/state.js";
import { timingsFrom } from "../../src/core/timings.js";
import { foundOn } from "./found.js";
import { Fuse } from "./fuse.js";
import { markLeasesHeld } from "./lease_marks.js";
import { portsOf } from "./ports.js";
import { Postgres } from "./postgres.js";
import type { Rng } from "./prng.js";
import type { Tip } from "./wal.js";
import type { World } from "./world.js";

/** A machine: what survives on its disk, its Postgres, and the sidecar that runs on it, if one does. */
export class Machine {
  readonly id: string;
  readonly postgres: Postgres;
  readonly rng: Rng;
  readonly clockOffsetUs: number;
  readonly clockPpm: number;
  readonly fuse: Fuse;
  /** It keeps WAL and promises, and has no Postgres. */
  readonly witness: boolean;
  loop: Loop | null = null;
  /** Counts the starts of the sidecar: whatever belongs to an earlier one is void. */
  boot = 0;
  powered = true;
  /** What the state file holds; null before the first start. */
  disk: Durable | null = null;
  /** Being written: after a crash it may be on disk or not. */
  writing: Durable | null = null;
  incarnations = 0;
  stateTorn = false;
  /** Why its sidecar does not start any more; an operator would have to help. */
  refused: string | null = null;
  /** Something was taken from it that it cannot get back. */
  damaged = false;
  snapshot: { readonly disk: Durable; readonly flushed: Tip } | null = null;
  /** Restored from a snapshot: the promise that it has forgotten. */
  past: PromiseMade | null = null;
  /** Copies that it held and that a fault destroyed which no policy covers. */
  readonly formerCopies: { readonly incarnation: string; readonly tip: Tip }[] = [];
  /** Its sidecar ended on purpose, and left its Postgres running. */
  left = false;
  publishedUs = 0;
  downUntilUs = 0;
  diskHangsUntilUs = 0;
  diskFailsUntilUs = 0;
  slowUntilUs = 0;
  slowFactor = 1;
  /** Ports calls until it dies in the middle of a step's effects; negative for never. */
  effectsLeft = -1;
  dieAtEffect: () => void = () => {};
  /** Everything on it stands still until then, its fuse as well. */
  frozenUntilUs = 0;
  /** How far its clock is ahead of true time, drift aside: jumps, less what suspensions cost it. */
  private jumpedUs = 0;
  private laggedUs = 0;
  private asleepUntilUs = 0;
  private asleep: (() => void)[] = [];

  constructor(
    readonly world: World,
    readonly index: number,
  ) {
    this.id = `n${index + 1}`;
    this.rng = world.rng(`machine ${index}`);
    const { clockDriftPpm } = world.config;
    this.clockPpm = this.rng.between(0, 2 * clockDriftPpm) - clockDriftPpm;
    this.clockOffsetUs = this.rng.between(1_000_000, 1_000_000_000);
    this.witness = (world.config.witnesses & (1 << index)) !== 0;
    this.postgres = new Postgres(this);
    this.fuse = new Fuse(this);
  }

  durable(): Durable {
    if (this.loop !== null) return this.loop.state.durable;
    if (this.disk === null) throw new Error(`${this.id} has no word yet`);
    return this.disk;
  }

  /** Its own monotonic clock. */
  nowMs(): number {
    const { nowUs } = this.world;
    const driftUs = (nowUs * this.clockPpm) / 1_000_000;
    return Math.floor(this.clockOffsetUs + nowUs + driftUs + this.jumpedUs - this.laggedUs) / 1000;
  }

  /** So much of its own time, in true microseconds. */
  realUs(ms: number): number {
    return Math.ceil((ms * 1000) / (1 + this.clockPpm / 1_000_000));
  }

  /** The time since boot goes on in a suspension: what the clock may miss of it is bounded, if it is a good one. */
  suspend(forUs: number): void {
    const { world } = this;
    const before = this.laggedUs;
    if (world.config.clocks === "beyond") this.laggedUs += forUs;
    else this.laggedUs = Math.max(before - forUs, this.rng.below(Math.min(forUs, CLOCK_LAG_MAX_MS * 1000)));
    this.fuse.lag(this.laggedUs - before);
    this.freeze(forUs);
  }

  /** So much true time, by its own clock. */
  ownMs(us: number): number {
    return (us * (1 + this.clockPpm / 1_000_000)) / 1000;
  }

  /** The run is healed: whatever stood still goes on. */
  thaw(): void {
    this.frozenUntilUs = 0;
    this.fuse.check();
    this.postgres.thaw();
    this.wakeNow();
  }

  jumpClock(byMs: number): void {
    this.jumpedUs += byMs * 1000;
  }

  /** Sidecar, Postgres and fuse stand still. */
  freeze(forUs: number): void {
    this.frozenUntilUs = Math.max(this.frozenUntilUs, this.world.nowUs + forUs);
    this.pauseSidecar(forUs);
    this.postgres.pause(forUs);
  }

  get sleeps(): boolean {
    return this.world.nowUs < this.asleepUntilUs;
  }

  slow(us: number): number {
    return this.world.nowUs < this.slowUntilUs ? us * this.slowFactor : us;
  }

  deliver(event: Event): void {
    const { loop } = this;
    if (loop === null) return;
    loop.deliver(event);
    this.looked();
  }

  /** After every event that its loop handled. */
  looked(): void {
    markLeasesHeld(this);
    this.world.checker.look(this);
  }

  /** A frozen sidecar does nothing; when it wakes, everything that came meanwhile comes at once. */
  whenAwake(run: () => void): void {
    if (this.world.nowUs < this.asleepUntilUs) this.asleep.push(run);
    else run();
  }

  pauseSidecar(forUs: number): void {
    const { world } = this;
    this.asleepUntilUs = Math.max(this.asleepUntilUs, world.nowUs + forUs);
    this.fuse.plan();
    world.after(forUs, () => this.wake());
  }

  private wake(): void {
    if (this.world.nowUs < this.asleepUntilUs) return;
    const runs = this.asleep;
    this.asleep = [];
    for (const run of runs) run();
  }

  wakeNow(): void {
    this.asleepUntilUs = 0;
    this.wake();
  }

  /** What still runs in its directory is gone on with if the core can prove what it is; else it is ended first of all. */
  startSidecar(): void {
    const { world, postgres } = this;
    if (this.loop !== null || !this.powered || this.refused !== null) return;
    if (this.stateTorn) {
      this.refused = "its state file is damaged";
      world.mark("start_refused_torn_state");
      return;
    }
    if (this.disk === null) {
      this.incarnations++;
      this.disk = freshDurable("shop", this.id, `${this.id}${"abcdefgh"[this.incarnations - 1] ?? "z"}`);
    }
    const found = foundOn(this);
    if (found === null) {
      postgres.kill("the sidecar starts");
      this.fuse.renew();
      postgres.finishSwap();
    }
    const { held, founding, joining } = this.disk;
    if (postgres.hasData && !held && founding === 0n && joining === 0n) {
      this.refused = "it holds data that its state file knows nothing of";
      world.mark("start_refused_foreign_data");
      return;
    }
    this.boot++;
    this.effectsLeft = -1;
    const config = {
      self: this.id,
      boot: `${this.id}.${this.boot}`,
      initial: world.fileNow,
      witness: this.witness,
      timings: timingsFrom(world.detectMs, world.config),
      host: this.id,
      postgresPort: 5432,
      postgresVersion: null,
      dataDir: "data",
      sidecarPid: this.boot,
      // Every start finds another wall clock: nothing may depend on it.
      unixOffsetMs: world.config.leases ? this.rng.below(1_000_000_000) : 0,
      admitObservers: world.config.admitObservers,
    };
    const { torn } = postgres.rewind;
    if (torn) world.mark("rewind_interrupted");
    const data = { present: postgres.hasData, oldKept: postgres.oldKept, torn };
    const state = initialState(config, this.disk, data, this.nowMs());
    world.say(`${this.id} sidecar starts (promise ${this.disk.promise.term})`);
    world.checker.started(this);
    world.promises.started(this);
    this.loop = new Loop(state, portsOf(world, this, this.boot));
    world.streams.started(this);
    this.loop.start(found);
    const { leading, following } = this.loop.state.volatile;
    // Before the fuse of the sidecar before is put out.
    if (found !== null && leading === null && following === null) postgres.kill("it is not gone on with");
    if (leading !== null && world.config.leases)
      world.mark(this.left ? "leader_adopted_under_a_lease" : "killed_leader_adopted_under_its_lease");
    if (leading !== null && leading.number.subterm > 0) world.mark("leader_adopted_after_a_change");
    this.left = false;
    this.looked();
  }

  /** The process is gone. A write of the state file that was under way may have reached the disk. */
  endSidecar(): void {
    if (this.loop === null) return;
    this.loop.end();
    this.loop = null;
    this.boot++;
    this.asleep = [];
    this.asleepUntilUs = 0;
    this.effectsLeft = -1;
    if (this.writing !== null) {
      if (this.rng.below(2) === 0) this.reachDisk(this.writing);
      else this.world.mark("state_write_lost");
      this.writing = null;
    }
    this.postgres.sidecarGone();
    this.fuse.plan();
    this.world.streams.ended(this);
  }

  reachDisk(durable: Durable): void {
    this.world.promises.persisted(this, durable);
    this.disk = durable;
  }

  /** The sidecar is started again by whatever supervises it. */
  restartSidecarAfter(us: number): void {
    const until = this.world.nowUs + us;
    this.downUntilUs = Math.max(this.downUntilUs, until);
    this.world.after(us, () => {
      if (this.world.nowUs >= this.downUntilUs) this.startSidecar();
    });
  }

  dieSidecar(forUs: number): void {
    this.world.say(`${this.id} sidecar dies`);
    this.endSidecar();
    this.restartSidecarAfter(forUs);
  }

  /** Power is gone: sidecar and Postgres together, nobody is told. */
  dieMachine(forUs: number): void {
    const { world } = this;
    world.say(`${this.id} machine dies`);
    this.powered = false;
    this.endSidecar();
    this.postgres.kill("power");
    const until = world.nowUs + forUs;
    this.downUntilUs = Math.max(this.downUntilUs, until);
    world.after(forUs, () => {
      if (world.nowUs < this.downUntilUs) return;
      this.powered = true;
      this.startSidecar();
    });
  }

  /** Of the whole machine, its state file and its data, as a hypervisor takes it. */
  takeSnapshot(): void {
    const { flushed, hasData } = this.postgres;
    if (this.disk?.held === true && hasData && flushed !== null) this.snapshot = { disk: this.disk, flushed };
  }

  powerOn(): void {
    this.downUntilUs = 0;
    this.powered = true;
    this.startSidecar();
  }
}
