import type { Loop } from "./agent/loop.js";
import type { ClockPort } from "./agent/ports.js";
import type { Snapshot } from "./agent/snapshot.js";
import type { State } from "./core/state.js";
import { type Look, type StatusSource, viewOf } from "./http/view.js";

/** What a step found so lately is what another one would find: many probes at once cost one step. */
const FRESH_MS = 50;
/** A promise on its way to the disk is waited for, and a disk that takes longer is said. */
const WAIT_MS = 250;
const LOOK_AGAIN_MS = 5;

export interface LoopSourceOptions {
  readonly loop: Pick<Loop, "state" | "settled" | "deliver">;
  readonly clock: Pick<ClockPort, "nowMs" | "after">;
  readonly snapshot: (state: State) => Snapshot;
  /** When Postgres was last seen to answer, by the same clock. */
  readonly observedMs: () => number;
}

/** Looks at a node through its loop: an answer means that the loop has turned since it was asked, or just before. */
export class LoopSource implements StatusSource {
  private readonly options: LoopSourceOptions;

  constructor(options: LoopSourceOptions) {
    this.options = options;
  }

  async look(): Promise<Look> {
    const { loop, clock, snapshot, observedMs } = this.options;
    const askedMs = clock.nowMs();
    while (!this.turned()) {
      const waitedMs = clock.nowMs() - askedMs;
      if (waitedMs >= WAIT_MS)
        return { kind: "stuck", reason: "the sidecar's loop does not turn: it ends, or its disk hangs" };
      await new Promise<void>((resolve) => clock.after(LOOK_AGAIN_MS, resolve));
    }
    const { state } = loop;
    let cluster: Snapshot | null = null;
    const view = viewOf(state, clock.nowMs() - observedMs(), () => {
      cluster ??= snapshot(state);
      return cluster;
    });
    return { kind: "seen", view };
  }

  private turned(): boolean {
    const { loop, clock } = this.options;
    if (!loop.settled) return false;
    if (clock.nowMs() - loop.state.volatile.nowMs > FRESH_MS) loop.deliver({ kind: "tick" });
    return loop.settled && clock.nowMs() - loop.state.volatile.nowMs <= FRESH_MS;
  }
}
