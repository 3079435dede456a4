import type { RejoinMeans } from "../../src/core/postgres_known.js";
import type { Postgres } from "./postgres.js";
import type { Rng } from "./prng.js";
import type { Tip } from "./wal.js";
import { holds, lastShared, positionOf, recordsBetween } from "./wal.js";

/** Looking at both sides, and the least that is copied (POSTGRES.md D). */
const LEAST_US = [50_000, 1_500_000] as const;
const RECORD_US = 4_000;
const LOOK_US = 50_000;

/**
 * A data directory as `pg_rewind` leaves it (POSTGRES.md trap 8). It looks at checkpoints: of a source that has made none on
 * its own timeline it says that no rewind is required, and changes nothing; with a target whose own lags behind its log it
 * fails, and says so. While it works, and for ever if it does not come to its end, the directory is no log.
 */
export class RewindJob {
  /** It began and did not end: as a marker on disk says. */
  torn = false;
  /** The timeline of the newest checkpoint in its log. */
  checkpointTimeline = 0n;
  private readonly rng: Rng;
  private readonly installed: boolean;

  constructor(private readonly postgres: Postgres) {
    const { world, index } = postgres.machine;
    this.rng = world.rng(`rewind ${index}`);
    this.installed = this.rng.below(8) !== 0;
  }

  private get world() {
    return this.postgres.machine.world;
  }

  means(): RejoinMeans | undefined {
    const { dataBytes } = this.world.config;
    if (dataBytes === 0) return undefined;
    return { bytes: dataBytes, noRewind: this.installed ? null : "there is no pg_rewind" };
  }

  /** Reported only where somebody may want to know: it is one message more. */
  checkpointed(done: () => void): void {
    const { postgres, world } = this;
    if (world.config.dataBytes === 0) return;
    postgres.later(this.rng.between(10_000, 600_000), () => {
      if (postgres.primary === null) return;
      this.checkpointTimeline = postgres.primary;
      done();
    });
  }

  /** A checkpoint of its source has come in with the log. */
  received(from: Postgres): void {
    const { checkpointTimeline } = from.rewind;
    if (checkpointTimeline > this.checkpointTimeline) this.checkpointTimeline = checkpointTimeline;
  }

  /** A stopped directory; `step` goes on only while the sidecar lives. Ends with `done`, or with what went wrong. */
  run(source: Postgres, step: (us: number, run: () => void) => void, end: (fault: string | null) => void): void {
    const { postgres, world, rng } = this;
    const before = postgres.flushed;
    const { epoch, flushed: there } = source;
    const index = postgres.machine.index;
    const reachable = () =>
      source.running && source.epoch === epoch && world.network.bothWays(index, source.machine.index, "wal");
    if (before === null || there === null || !reachable()) return end("its source cannot be reached");
    if (source.rewind.checkpointTimeline < there.branch.timeline && !holds(there, before)) {
      world.mark("rewind_not_required");
      return step(LEAST_US[0], () => end(null));
    }
    if (this.checkpointTimeline < positionOf(before).timeline) {
      world.mark("rewind_refused");
      this.torn = true;
      return step(LEAST_US[0], () => end("the checkpoint of the target is of an older timeline than its log"));
    }
    this.torn = true;
    const fork = lastShared(before, there);
    const records = fork === null ? 0 : recordsBetween(fork, before) + recordsBetween(fork, there);
    // What it held is gone, page by page.
    postgres.flushed = null;
    const look = (leftUs: number) => {
      step(Math.min(leftUs, LOOK_US), () => {
        if (!reachable()) return end("its source is gone");
        if (!world.network.calm && rng.chance(world.config.operationFails)) return end("no space left");
        if (leftUs > LOOK_US) return look(leftUs - LOOK_US);
        this.become(source.flushed, source);
        world.mark("rewound");
        end(null);
      });
    };
    look(rng.between(LEAST_US[0], LEAST_US[1]) + records * RECORD_US);
  }

  private become(tip: Tip | null, source: Postgres): void {
    const { postgres } = this;
    postgres.flushed = tip;
    postgres.pending = tip;
    postgres.replayed = tip;
    this.checkpointTimeline = source.rewind.checkpointTimeline;
    this.torn = false;
  }

  /** Another directory has taken its place: a clone, which begins with a checkpoint, what initdb made, or a snapshot. */
  replaced(by: Tip | null): void {
    this.torn = false;
    this.checkpointTimeline = positionOf(by).timeline;
  }
}
