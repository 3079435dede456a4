import { fuseWord, type LeftBehind } from "../../src/core/lease/left_behind.js";
import type { State } from "../../src/core/state.js";
import type { Machine } from "./machine.js";
import type { Rng } from "./prng.js";

/** From silence to SIGKILL, in microseconds (POSTGRES.md F: SIGKILL at once). */
const KILL_US = [1_000, 20_000] as const;
/** One record in so many is not there when it is wanted: the disk is full, or the fuse was killed as well. */
const RECORD_LOST_ODDS = 8;

/**
 * The child that closes Postgres when its sidecar is dead, or hangs for longer than its lease allows (DESIGN 7), and tells
 * the next sidecar what the one before left behind. It counts to what the core says; a term that ends leaves it burning
 * until its Postgres is proven gone. It freezes with its machine and not with its sidecar, and leaves a sidecar that is
 * awake to itself.
 */
export class Fuse {
  private atUs = Number.POSITIVE_INFINITY;
  /** When it looks next. */
  private plannedUs = Number.POSITIVE_INFINITY;
  private left: LeftBehind | null = null;
  private readonly rng: Rng;

  constructor(private readonly machine: Machine) {
    this.rng = machine.world.rng(`fuse ${machine.index}`);
  }

  /** After every step, before anything of it is done. */
  heed(state: State): void {
    const { world } = this.machine;
    const { leading } = state.volatile;
    const { allowanceMs, left } = fuseWord(state, this.machine.nowMs());
    this.left = left;
    if (!world.config.leases) return;
    if (allowanceMs === null) return;
    const counts = leading?.stage === "established";
    this.atUs = counts ? world.nowUs + this.machine.realUs(allowanceMs) : Number.POSITIVE_INFINITY;
    this.plan();
  }

  /** The sidecar died, or hangs: nobody feeds it any more. */
  plan(): void {
    const { world, frozenUntilUs } = this.machine;
    const lookUs = Math.max(this.atUs, frozenUntilUs, world.nowUs);
    // A leader that is back needs the longer lease no more: it may have to burn before it was to.
    if (this.plannedUs <= lookUs || !Number.isFinite(this.atUs)) return;
    this.plannedUs = lookUs;
    world.after(lookUs - world.nowUs, () => {
      if (this.plannedUs === lookUs) this.plannedUs = Number.POSITIVE_INFINITY;
      this.check();
    });
  }

  check(): void {
    const { world, frozenUntilUs, loop, sleeps } = this.machine;
    if (!Number.isFinite(this.atUs)) return;
    if (world.nowUs < this.atUs || world.nowUs < frozenUntilUs) return this.plan();
    if (loop === null || sleeps) this.burn();
  }

  private burn(): void {
    const { machine } = this;
    const { world, postgres } = machine;
    this.atUs = Number.POSITIVE_INFINITY;
    const { epoch } = postgres;
    world.after(machine.rng.between(KILL_US[0], KILL_US[1]), () => {
      if (postgres.epoch !== epoch || (!postgres.running && postgres.orphansOf === null)) return;
      world.mark("fuse_burnt");
      postgres.kill("its fuse");
    });
  }

  /** Its clock missed so much. */
  lag(us: number): void {
    this.atUs += us;
  }

  /** The sidecar leaves on purpose: it wrote down itself what it left behind. */
  leave(left: LeftBehind | null): void {
    this.left = left;
    if (left === null || !this.machine.world.config.leases) return;
    this.atUs = this.machine.world.nowUs + this.machine.realUs(Math.max(0, left.untilMs - this.machine.nowMs()));
    this.plan();
  }

  /** Until it would burn; 0 if it does not. */
  get leftUs(): number {
    return Number.isFinite(this.atUs) ? Math.max(0, this.atUs - this.machine.world.nowUs) : 0;
  }

  /** It counts once. */
  take(): LeftBehind | null {
    const { left } = this;
    this.left = null;
    return left === null || this.rng.below(RECORD_LOST_ODDS) === 0 ? null : left;
  }

  /** A new sidecar has ended what there was. */
  renew(): void {
    this.atUs = Number.POSITIVE_INFINITY;
  }
}
