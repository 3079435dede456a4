import type { OpId } from "../core/effects.js";
import { CloneJob, UNLIMITED } from "./clone_job.js";
import type { LocalPostgresOptions } from "./local_options.js";
import type { Source } from "./sources.js";

/** The one clone that may grow beside the data. */
export class GrowingClone {
  private job: CloneJob | null = null;
  /** Clones that were cancelled and are not gone yet: the next one grows in the same place. */
  private ending: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly options: LocalPostgresOptions,
    private readonly dir: string,
  ) {}

  /** Resolves when it is grown or has failed, as it reports. The source is asked for when the one before is gone. */
  async start(op: OpId, source: () => Source): Promise<void> {
    this.cancel();
    const before = this.ending;
    const { start, clones, report } = this.options;
    const job = new CloneJob({
      ...{ dir: this.dir, user: start.user, op, dataDir: start.dataDir, limits: clones ?? UNLIMITED },
      report: (told) => {
        if (this.job === job) report(told);
      },
    });
    this.job = job;
    await before;
    await job.run(source);
  }

  cancel(): void {
    const { job } = this;
    this.job = null;
    if (job !== null) this.ending = Promise.allSettled([this.ending, job.cancel()]);
  }

  /** It takes the place of the data, once no other one is in its way. */
  async taken(swap: () => Promise<void>): Promise<void> {
    await this.ending;
    await swap();
    this.job = null;
  }

  /** A finished clone is left alone: it may be on its way into the place of the data. */
  async stop(): Promise<void> {
    await Promise.allSettled([this.job?.stop(), this.ending]);
  }
}
