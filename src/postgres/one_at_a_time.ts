/** Work in the order in which it came, each piece after the one before; a piece that fails says so itself. */
export class OneAtATime<T> {
  private readonly waiting: T[] = [];
  private busy = false;
  private readonly carryOut: (item: T) => Promise<void>;
  /** Resolves when nothing is under way any more. */
  idle: Promise<void> = Promise.resolve();

  /** `carryOut` must not reject. */
  constructor(carryOut: (item: T) => Promise<void>) {
    this.carryOut = carryOut;
  }

  push(item: T): void {
    this.waiting.push(item);
    if (this.busy) return;
    this.busy = true;
    this.idle = this.workOff();
  }

  /** Forgets what has not begun. */
  clear(): void {
    this.waiting.length = 0;
  }

  private async workOff(): Promise<void> {
    for (let next = this.waiting.shift(); next !== undefined; next = this.waiting.shift()) await this.carryOut(next);
    this.busy = false;
  }
}
