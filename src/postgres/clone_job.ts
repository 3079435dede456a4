import type { OpId } from "../core/effects.js";
import type { PostgresReport } from "../core/events.js";
import { readControlData } from "./control_data.js";
import { CopyPace } from "./copy_pace.js";
import { holdsData } from "./data_dir.js";
import type { OsUser } from "./os_user.js";
import { baseBackup, discardClone } from "./replication/base_backup.js";
import type { Source } from "./sources.js";

export interface CloneJobOptions {
  readonly dir: string;
  readonly user: OsUser;
  readonly op: OpId;
  readonly report: (report: PostgresReport) => void;
  readonly dataDir: string;
  readonly limits: CloneLimits;
}

/** How much of its source a clone may take. */
export interface CloneLimits {
  /** Null: as much as there is. */
  readonly maxRateKbPerS: number | null;
  /** Clones that a source serves at the same time. */
  readonly atOnce: number;
}

export const UNLIMITED: CloneLimits = { maxRateKbPerS: null, atOnce: 2 };

/** One clone under way, beside the data. */
export class CloneJob {
  private readonly options: CloneJobOptions;
  private readonly abort = new AbortController();
  private running: Promise<void> | null = null;
  private readonly pace = new CopyPace();

  constructor(options: CloneJobOptions) {
    this.options = options;
  }

  /** @param source is asked for when it begins: it may not be known yet, which fails it like everything else. */
  run(source: () => Source): Promise<void> {
    this.running = this.clone(source);
    return this.running;
  }

  /** Ends it if it runs; what is finished stays. */
  async stop(): Promise<void> {
    this.abort.abort();
    await this.running;
  }

  /** Ends it, and removes what it had written. */
  async cancel(): Promise<void> {
    await this.stop();
    await discardClone(this.options.dir);
  }

  private async clone(source: () => Source): Promise<void> {
    const { dir, op, user, report, limits } = this.options;
    try {
      const { place, credentials, replicationUser, name } = source();
      await discardClone(dir);
      const ends = await baseBackup({
        source: {
          host: place.host,
          port: place.port,
          user: replicationUser,
          password: credentials.replicationPassword,
        },
        dir,
        user,
        applicationName: name,
        atOnce: limits.atOnce,
        ...(limits.maxRateKbPerS === null ? {} : { maxRateKbPerS: limits.maxRateKbPerS }),
        signal: this.abort.signal,
        onProgress: ({ receivedBytes, totalBytes, phase }) => {
          const nowMs = performance.now();
          const told = this.pace.tell({ phase, bytes: receivedBytes, totalBytes, nowMs });
          if (told !== null) report({ kind: "clone_progress", op, ...told });
        },
      });
      const { systemIdentifier } = await readControlData(dir);
      // A lower bound: the clone replays at least up to the end of the backup.
      report({
        kind: "cloned",
        op,
        position: { timeline: ends.endTimeline, lsn: ends.endLsn },
        systemIdentifier: String(systemIdentifier),
      });
    } catch (error) {
      if (this.abort.signal.aborted) return;
      const present = await holdsData(this.options.dataDir);
      report({
        kind: "failed",
        op,
        reason: error instanceof Error ? error.message : String(error),
        data: present ? "present" : "absent",
      });
    }
  }
}
