import type { TransportLog } from "./peers.js";

/** Enough for every host of a cluster; beyond it the oldest is forgotten. */
const REMEMBERED_MAX = 128;
/** A refusal that lasts is said again after so long. */
const AGAIN_MS = 3_600_000;

/** Those who were not let in: one that comes again every second is logged once. */
export class Refusals {
  private readonly toldMs = new Map<string, number>();

  constructor(private readonly log: TransportLog) {}

  tell(who: string, reason: string): void {
    const key = `${who} ${reason}`;
    const nowMs = performance.now();
    const told = this.toldMs.get(key);
    if (told !== undefined && nowMs - told < AGAIN_MS) return;
    this.toldMs.delete(key);
    this.toldMs.set(key, nowMs);
    const [oldest] = this.toldMs.keys();
    if (this.toldMs.size > REMEMBERED_MAX && oldest !== undefined) this.toldMs.delete(oldest);
    this.log.warn({ mark: "connection_refused", from: who, reason }, `${who} was refused: ${reason}`);
  }
}
