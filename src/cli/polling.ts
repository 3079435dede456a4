/** Asks every node again and again, each at its own pace: one that does not answer holds up nobody but itself. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Answer } from "./commands/status.js";

export interface PollingOptions {
  readonly ids: readonly string[];
  /** Never rejects; ends soon once the signal is given. */
  readonly ask: (id: string, signal: AbortSignal) => Promise<Answer>;
  readonly everyMs: number;
  readonly signal: AbortSignal;
}

/** What answered lately still counts, until its next answer is late by so much. */
const LATE_MS = 1000;

export class Polling {
  /** When every node has answered, or failed to, once. */
  readonly complete: Promise<unknown>;
  private readonly options: PollingOptions;
  private readonly latest = new Map<string, { readonly answer: Answer; readonly atMs: number }>();

  constructor(options: PollingOptions) {
    this.options = options;
    this.complete = Promise.all(options.ids.map((id) => this.poll(id)));
  }

  /** One of each node, the newest. */
  answers(): Answer[] {
    const nowMs = performance.now();
    return this.options.ids.map((id) => {
      const known = this.latest.get(id);
      if (known === undefined) return { id, status: null, reason: "it has not answered yet", certificateUntilMs: null };
      const silentMs = nowMs - known.atMs;
      if (known.answer.status === null || silentMs < this.options.everyMs + LATE_MS) return known.answer;
      const reason = `no answer for ${Math.round(silentMs / 100) / 10} s`;
      return { id, status: null, reason, certificateUntilMs: null };
    });
  }

  /** Resolves after the first answer; the others follow until the signal. */
  private async poll(id: string): Promise<void> {
    const { ask, signal, everyMs } = this.options;
    const startedMs = performance.now();
    const answer = await ask(id, signal);
    if (signal.aborted) return;
    this.latest.set(id, { answer, atMs: performance.now() });
    const restMs = Math.max(0, everyMs - (performance.now() - startedMs));
    void pause(restMs, signal).then(() => (signal.aborted ? undefined : this.poll(id)));
  }
}

/** Ends early, without an error, at the signal. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return sleep(ms, undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}
