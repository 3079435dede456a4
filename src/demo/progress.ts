import picocolors from "picocolors";
import type { Output } from "../cli/context.js";

/** Lines for a person who watches: when, and what. */
export class Progress {
  readonly #output: Output;
  readonly #paint: ReturnType<typeof picocolors.createColors>;
  readonly #startedAt = performance.now();
  #muted = false;

  constructor(output: Output, colours: boolean) {
    this.#output = output;
    this.#paint = picocolors.createColors(colours);
  }

  /** Something begins or has happened. */
  step(text: string): void {
    const seconds = ((performance.now() - this.#startedAt) / 1000).toFixed(1).padStart(6);
    this.line(`${this.#paint.dim(`${seconds} s`)}  ${text}`);
  }

  /** More about the last step. */
  detail(text: string): void {
    this.line(`          ${this.#paint.dim(text)}`);
  }

  line(text = ""): void {
    if (!this.#muted) this.#output.write(`${text}\n`);
  }

  good(text: string): string {
    return this.#paint.green(text);
  }

  bad(text: string): string {
    return this.#paint.red(text);
  }

  strong(text: string): string {
    return this.#paint.bold(text);
  }

  /** The terminal is gone: every further line would be an error. */
  mute(): void {
    this.#muted = true;
  }
}

export function count(n: number): string {
  return n.toLocaleString("en-US");
}

/** For people: nobody reads tenths of a millisecond. */
export function shortMs(ms: number): string {
  return ms < 10_000 ? `${count(Math.round(ms))} ms` : `${(ms / 1000).toFixed(1)} s`;
}
