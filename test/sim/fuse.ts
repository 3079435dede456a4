import { mustFenceWithinMs } from "../../src/core/lease/lease.js";
import type { Machine } from "./machine.js";

/** From silence to SIGKILL, in microseconds (POSTGRES.md F: SIGKILL at once). */
const KILL_US = [1_000, 20_000] as const;

/**
 * The child that closes Postgres when its sidecar is dead, or hangs for longer than its lease allows (DESIGN 7). What it
 * counts to is the shell's own deadline, `mustFenceWithinMs`; a term that ends leaves it burning until its Postgres is
 * proven gone. It freezes with its machine and not with its sidecar, and leaves a sidecar that is awake to itself.
 */
export class Fuse {
  private atUs = Number.POSITIVE_INFINITY;
  /** When it looks next. */
  private plannedUs = Number.POSITIVE_INFINITY;

  constructor(private readonly machine: Machine) {}

  /** After every event that the sidecar handled. */
  feed(): void {
    const { loop, world } = this.machine;
    if (loop === null || !world.config.leases) return;
    const { leading, postgres } = loop.state.volatile;
    if (leading?.stage === "established") {
      const ms = mustFenceWithinMs(loop.state, this.machine.nowMs());
      this.atUs = Number.isFinite(ms) ? world.nowUs + this.machine.realUs(ms) : Number.POSITIVE_INFINITY;
    } else if (leading === null && postgres.primaryGone) this.atUs = Number.POSITIVE_INFINITY;
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

  /** Until it would burn; 0 if it does not. */
  get leftUs(): number {
    return Number.isFinite(this.atUs) ? Math.max(0, this.atUs - this.machine.world.nowUs) : 0;
  }

  /** A new sidecar has ended what there was. */
  renew(): void {
    this.atUs = Number.POSITIVE_INFINITY;
  }
}
