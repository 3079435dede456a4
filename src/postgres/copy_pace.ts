import type { CopyPhase, CopyProgress } from "../core/rejoin_facts.js";

/** What came within the last so many ms makes the pace: long enough for a throttled source, which sends in bursts. */
const WINDOW_MS = 10_000;
const TELL_EVERY_MS = 1_000;

interface Copied {
  readonly phase: CopyPhase;
  readonly bytes: number;
  readonly totalBytes: number | null;
  readonly nowMs: number;
}

export interface Told {
  readonly percent: number;
  readonly progress: CopyProgress;
}

/** Of one clone or rewind: how fast it goes, how long it will still take, and when that is worth telling. */
export class CopyPace {
  private samples: { readonly ms: number; readonly bytes: number }[] = [];
  private toldMs = Number.NEGATIVE_INFINITY;
  private told: { readonly percent: number; readonly phase: CopyPhase } | null = null;

  /** Null: nothing new for anybody. */
  tell({ phase, bytes, totalBytes, nowMs }: Copied): Told | null {
    const percent = phase === "syncing" || phase === "replaying" ? 99 : percentOf(bytes, totalBytes);
    const isDue = nowMs - this.toldMs >= TELL_EVERY_MS;
    if (!isDue && this.told?.percent === percent && this.told.phase === phase) return null;
    this.toldMs = nowMs;
    this.told = { percent, phase };
    const bytesPerS = phase === "copying" ? this.paceAt(nowMs, bytes) : null;
    const left = totalBytes === null ? null : Math.max(0, totalBytes - bytes);
    const leftMs = left === null || bytesPerS === null || bytesPerS === 0 ? null : (left / bytesPerS) * 1000;
    return { percent, progress: { phase, bytes, totalBytes, bytesPerS, leftMs } };
  }

  private paceAt(nowMs: number, bytes: number): number | null {
    this.samples.push({ ms: nowMs, bytes });
    while (this.samples.length > 2 && nowMs - (this.samples[1]?.ms ?? nowMs) >= WINDOW_MS) this.samples.shift();
    const [first] = this.samples;
    if (first === undefined || nowMs <= first.ms) return null;
    return Math.round(((bytes - first.bytes) / (nowMs - first.ms)) * 1000);
  }
}

function percentOf(bytes: number, totalBytes: number | null): number {
  return totalBytes === null || totalBytes === 0 ? 0 : Math.min(99, Math.floor((bytes / totalBytes) * 100));
}
