import { createWriteStream, type WriteStream } from "node:fs";
import { finished } from "node:stream/promises";

/** Acked: the server said so. Refused: it cannot be there. Unknown: either may be true, and neither is a fault. */
export type Outcome = "acked" | "refused" | "unknown";

export interface LedgerLine {
  readonly n: number;
  readonly outcome: Outcome;
  /** Wall clock, in ms since 1970. */
  readonly at_ms: number;
}

/** What the clients were told, as a file of JSON lines, so that anybody can hold it against the table. */
export class Ledger {
  readonly #file: WriteStream;
  #broken: Error | null = null;
  #highest = 0;
  readonly #numbers: Readonly<Record<Outcome, number[]>> = { acked: [], refused: [], unknown: [] };

  constructor(path: string) {
    this.#file = createWriteStream(path, { flags: "a" });
    this.#file.once("error", (error) => {
      this.#broken = error;
    });
  }

  record(n: number, outcome: Outcome, atMs: number): void {
    this.#numbers[outcome].push(n);
    this.#highest = Math.max(this.#highest, n);
    const line: LedgerLine = { n, outcome, at_ms: Math.round(atMs * 1000) / 1000 };
    this.#file.write(`${JSON.stringify(line)}\n`);
  }

  get(outcome: Outcome): readonly number[] {
    return this.#numbers[outcome];
  }

  counts(): Readonly<Record<Outcome, number>> {
    const { acked, refused, unknown } = this.#numbers;
    return { acked: acked.length, refused: refused.length, unknown: unknown.length };
  }

  /** The highest number that has an outcome; 0 before the first. */
  highest(): number {
    return this.#highest;
  }

  /** Resolves when every line is in the file. */
  async close(): Promise<void> {
    this.#file.end();
    await finished(this.#file).catch((error: Error) => {
      this.#broken ??= error;
    });
    if (this.#broken !== null)
      throw new Error(`the ledger could not be written (${this.#broken.message}); is the disk full?`);
  }
}

export function parseLedger(text: string): readonly LedgerLine[] {
  return text
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as LedgerLine);
}
