import { Loop } from "../../src/agent/loop.js";
import type { Ports } from "../../src/agent/ports.js";
import type { Durable, State } from "../../src/core/state.js";
import { freshDurable, initialState } from "../../src/core/state.js";
import { timingsFrom } from "../../src/core/timings.js";

export const DETECT_MS = 2000;

/** A node of a cluster of three, before anything happened. */
export function freshState(self = "n1", boot = "boot1"): State {
  const nodes = ["n1", "n2", "n3"].map((id) => ({ id, labels: {} }));
  return initialState(
    {
      self,
      boot,
      initial: { policy: { kind: "majority" }, nodes },
      timings: timingsFrom(DETECT_MS),
      host: self,
      postgresPort: 5432,
      postgresVersion: null,
      dataDir: "data",
      sidecarPid: 1,
      unixOffsetMs: 0,
      admitObservers: false,
    },
    freshDurable("shop", self, `${self}-a`),
    { present: false, oldKept: false },
    0,
  );
}

/** Ports that write down what they are asked for, and a disk and a clock that a test turns by hand. */
export class Scripted {
  readonly done: string[] = [];
  readonly writes: { readonly durable: Durable; readonly finish: (error: Error | null) => void }[] = [];
  readonly timers = new Map<number, { readonly atMs: number; readonly fire: () => void }>();
  nowMs = 0;
  autoPersist = false;
  /** Called inside an effect, as an adapter that reports at once would. */
  /** What the fuse heard after each step, and how much had been done by then. */
  readonly heeded: { readonly promise: bigint; readonly done: number }[] = [];
  reenter: (effect: string) => void = () => {};
  private next = 1;
  readonly loop: Loop;

  constructor(state: State = freshState()) {
    this.loop = new Loop(state, this.ports());
  }

  private saw(effect: string): void {
    this.done.push(effect);
    this.reenter(effect);
  }

  private ports(): Ports {
    return {
      transport: {
        recruit: (to, request) => this.saw(`recruit ${request.term} to ${to}`),
        promote: (to, request) => this.saw(`promote ${request.term} to ${to}`),
        catchUp: (to, request) => this.saw(`catch up ${request.term} to ${to}`),
        follow: (to, request) => this.saw(`follow ${request.term} to ${to}`),
        answerCatchUp: (call, result) => this.saw(`answer ${call} ${result.ok ? "yes" : result.refusal.code}`),
        answerRecruit: (call, result) => this.saw(`answer ${call} ${result.ok ? "yes" : result.refusal.code}`),
        answerPromote: (call, result) => this.saw(`answer ${call} ${result.ok ? "yes" : result.refusal.code}`),
        answerFollow: (call, result) => this.saw(`answer ${call} ${result.ok ? "yes" : result.refusal.code}`),
        answerChange: (call, result) => this.saw(`answer ${call} ${result.kind}`),
        answerHandover: (call, result) => this.saw(`answer ${call} ${result.kind}`),
        answerRestart: (call, result) => this.saw(`answer ${call} ${result.kind}`),
        answerPause: (call, { pause }) => this.saw(`answer ${call} ${pause.number}`),
        publish: (status) => this.saw(`publish promise ${status.promise}`),
      },
      postgres: {
        perform: (op, action) => this.saw(`postgres ${action.kind} ${op}`),
        emergencyFence: () => this.saw("emergency fence"),
      },
      fuse: { heed: ({ durable }) => this.heeded.push({ promise: durable.promise.term, done: this.done.length }) },
      store: {
        persist: (durable, finish) => {
          this.done.push(`persist promise ${durable.promise.term}`);
          if (this.autoPersist) finish(null);
          else this.writes.push({ durable, finish });
        },
      },
      clock: {
        nowMs: () => this.nowMs,
        jitter: () => 0.5,
        after: (ms, fire) => {
          const id = this.next++;
          this.timers.set(id, { atMs: this.nowMs + ms, fire });
          return () => void this.timers.delete(id);
        },
      },
      notes: { note: (note) => this.saw(`note ${note.mark}`) },
      credentials: () => null,
      fatal: (reason) => this.done.push(`fatal: ${reason}`),
    };
  }

  /** Time passes, and what was due happens. */
  pass(ms: number): void {
    const end = this.nowMs + ms;
    for (;;) {
      const due = [...this.timers].filter(([, t]) => t.atMs <= end).sort(([, a], [, b]) => a.atMs - b.atMs)[0];
      if (due === undefined) break;
      const [id, timer] = due;
      this.timers.delete(id);
      this.nowMs = Math.max(this.nowMs, timer.atMs);
      timer.fire();
    }
    this.nowMs = end;
  }

  finishWrite(error: Error | null = null): void {
    const write = this.writes.shift();
    if (write === undefined) throw new Error("nothing is being written");
    write.finish(error);
  }

  take(): string[] {
    return this.done.splice(0);
  }
}

export function recruit(term: bigint, nonce = "x-1", call = `call ${term}`) {
  return {
    kind: "recruit" as const,
    call,
    from: { node: "n2", incarnation: "n2-a", systemIdentifier: null },
    request: { term, attempt: { node: "n2", nonce }, seen: null },
  };
}
