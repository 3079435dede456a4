import type { ServiceManager } from "./notify.js";

/** Tells systemd that the sidecar lives, as long as its loop turns: never merely because a timer fires. */
export class Watchdog {
  private timer: NodeJS.Timeout | null = null;
  private stopped = false;
  private readonly manager: ServiceManager;
  private readonly progress: () => Promise<string | null>;
  private readonly warn: (text: string) => void;

  /** `progress`: one line about the node once the loop has turned; null if it does not. */
  constructor(manager: ServiceManager, progress: () => Promise<string | null>, warn: (text: string) => void) {
    this.manager = manager;
    this.progress = progress;
    this.warn = warn;
  }

  start(): void {
    const { watchdogMs } = this.manager;
    if (watchdogMs !== null) this.again(watchdogMs / 2);
  }

  stop(): void {
    this.stopped = true;
    if (this.timer !== null) clearTimeout(this.timer);
  }

  private again(everyMs: number): void {
    if (this.stopped) return;
    this.timer = setTimeout(() => void this.beat(everyMs), everyMs);
  }

  private async beat(everyMs: number): Promise<void> {
    const line = await this.progress().catch((error: unknown) => {
      this.warn(`the loop could not be looked at: ${String(error)}`);
      return null;
    });
    if (this.stopped) return;
    if (line === null) this.warn("the loop does not turn: systemd is not told that this sidecar lives");
    else void this.manager.send({ WATCHDOG: "1", STATUS: line });
    this.again(everyMs);
  }
}
