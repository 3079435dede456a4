/** Time that passes when a script says so. */
export class Clock {
  nowMs = 1000;
  private readonly timers = new Map<number, { readonly atMs: number; readonly fire: () => void }>();
  private next = 1;

  /** The clock of one sidecar: its timers die with it. */
  of(alive: () => boolean) {
    return {
      nowMs: () => this.nowMs,
      jitter: () => 0.5,
      after: (ms: number, callback: () => void) => {
        const id = this.next++;
        this.timers.set(id, { atMs: this.nowMs + ms, fire: () => alive() && callback() });
        return () => void this.timers.delete(id);
      },
    };
  }

  nextDue(): number {
    return Math.min(...[...this.timers.values()].map((t) => t.atMs));
  }

  fire(): void {
    for (const [id, timer] of [...this.timers]) {
      if (timer.atMs > this.nowMs || !this.timers.delete(id)) continue;
      timer.fire();
    }
  }
}
