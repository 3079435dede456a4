import type { LeadershipLog } from "../core/leaderships.js";
import type { TermEvidence } from "../core/term_evidence.js";
import { explain } from "./explain.js";
import type { Instance } from "./instance.js";
import { keepEvidence, readLeadershipLog } from "./leadership_table.js";

/** However often it is asked for, it is read once in so many ms, and by one query at a time. */
const READ_EVERY_MS = 500;

export interface LeadershipKeeperOptions {
  readonly instance: () => Instance | null;
  /** Of the term that this node leads; null while there is nothing to keep. */
  readonly evidence: () => TermEvidence | null;
  readonly warn: (text: string, cause: unknown) => void;
  /** Monotonic. */
  readonly nowMs: () => number;
}

/** Writes down what is known of this node's own terms, and reads what is kept of all. */
export class LeadershipKeeper {
  private readonly options: LeadershipKeeperOptions;
  private keptTerm: bigint | null = null;
  private trouble = "";
  private readMs = Number.NEGATIVE_INFINITY;
  private reading: Promise<LeadershipLog> | null = null;
  private underWay = false;

  constructor(options: LeadershipKeeperOptions) {
    this.options = options;
  }

  /** While nobody waits. Fails without harm: the next call tries again. */
  async keep(instance: Instance): Promise<void> {
    const evidence = this.options.evidence();
    if (evidence === null || evidence.term === this.keptTerm) return;
    try {
      // Not on the session that looks: its transaction would be open while others use it.
      await instance.fresh((session) => keepEvidence(session, evidence));
      this.keptTerm = evidence.term;
      this.trouble = "";
    } catch (error) {
      const trouble = explain(error);
      if (trouble !== this.trouble)
        this.options.warn(`what is known of term ${evidence.term} cannot be kept: ${trouble}`, error);
      this.trouble = trouble;
    }
  }

  /** @throws when Postgres does not run here, or cannot be asked now. */
  read(): Promise<LeadershipLog> {
    const nowMs = this.options.nowMs();
    const stale = !this.underWay && nowMs - this.readMs >= READ_EVERY_MS;
    if (this.reading === null || stale) {
      this.readMs = nowMs;
      this.reading = this.query();
    }
    return this.reading;
  }

  private async query(): Promise<LeadershipLog> {
    const instance = this.options.instance();
    if (instance === null) throw new Error("its Postgres does not run, and the history stands in there");
    this.underWay = true;
    try {
      return await readLeadershipLog(instance.observer);
    } finally {
      this.underWay = false;
    }
  }
}
