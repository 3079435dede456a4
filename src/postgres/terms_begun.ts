import type { SqlRunner } from "./sql/runner.js";
import { TERMS_BEGUN, type TermsBegunRow } from "./sql/terms_begun.js";

/** What the table of rulesets says of the beginning of a term. */
export interface TermBegun {
  readonly term: number;
  readonly leader: string;
  readonly cause: string;
  /** ISO 8601, by the clock of that leader. */
  readonly at: string;
}

/** However often it is asked for: this is read once in so many ms. */
const KEPT_MS = 1000;

/** Reads it for people, one at a time, and never keeps a look at Postgres waiting for more than one short query. */
export class TermsBegun {
  private readonly runner: () => SqlRunner | null;
  private readonly nowMs: () => number;
  private readMs = Number.NEGATIVE_INFINITY;
  private reading: Promise<readonly TermBegun[]> = Promise.resolve([]);

  constructor(runner: () => SqlRunner | null, nowMs: () => number) {
    this.runner = runner;
    this.nowMs = nowMs;
  }

  /** Newest first. @throws when Postgres does not run, or its table cannot be read now. */
  read(): Promise<readonly TermBegun[]> {
    const nowMs = this.nowMs();
    if (nowMs - this.readMs < KEPT_MS) return this.reading;
    this.readMs = nowMs;
    this.reading = this.query();
    return this.reading;
  }

  private async query(): Promise<readonly TermBegun[]> {
    const runner = this.runner();
    if (runner === null) throw new Error("Postgres does not run here");
    const rows = await runner.query<TermsBegunRow>(TERMS_BEGUN);
    return rows.map(({ term, written_by, cause, at }) => ({ term: Number(term), leader: written_by, cause, at }));
  }
}
