interface Timer {
  readonly atMs: number;
  readonly frozen: () => boolean;
  readonly fire: () => void;
}

/** Time that passes when a script says so. */
export class Clock {
  nowMs = 1000;
  private readonly timers = new Map<number, Timer>();
  private next = 1;

  /** The clock of one sidecar: its timers die with it, and wait while it is frozen. `rate` is how fast it runs. */
  of(alive: () => boolean, frozen: () => boolean, rate: number) {
    return {
      nowMs: () => this.nowMs * rate,
      jitter: () => 0.5,
      after: (ms: number, callback: () => void) => {
        const id = this.next++;
        this.timers.set(id, { atMs: this.nowMs + ms / rate, frozen, fire: () => alive() && callback() });
        return () => void this.timers.delete(id);
      },
    };
  }

  nextDue(): number {
    return Math.min(...[...this.timers.values()].filter((t) => !t.frozen()).map((t) => t.atMs));
  }

  fire(): void {
    for (const [id, timer] of [...this.timers]) {
      if (timer.atMs > this.nowMs || timer.frozen() || !this.timers.delete(id)) continue;
      timer.fire();
    }
  }
}
