import { withPromise } from "./acceptor/remembered.js";
import type { Effect, Note, PostgresAction } from "./effects.js";
import type { Term } from "./log/position.js";
import type { LocalPostgres } from "./postgres_known.js";
import type { Durable, State, Volatile } from "./state.js";

/**
 * One step under way. The machines read and replace parts of the state and add effects; the parent alone
 * turns it into `{ state, output }`. Nothing here outlives the step, so `step` stays a function.
 */
export class Turn {
  readonly config: State["config"];
  readonly before: State;
  durable: Durable;
  volatile: Volatile;
  readonly after: Effect[] = [];

  constructor(before: State) {
    this.before = before;
    this.config = before.config;
    this.durable = before.durable;
    this.volatile = before.volatile;
  }

  get self(): string {
    return this.config.self;
  }

  get nowMs(): number {
    return this.volatile.nowMs;
  }

  get postgres(): LocalPostgres {
    return this.volatile.postgres;
  }

  state(): State {
    return { config: this.config, durable: this.durable, volatile: this.volatile };
  }

  /** Changes the durable word; whatever is emitted in this step waits until it is on disk. */
  promise(change: Partial<Durable>): void {
    const { promise, promises } = this.durable;
    const term = change.promise?.term ?? promise.term;
    const made = term === promise.term ? {} : { promises: withPromise(promises, { term, boot: this.config.boot }) };
    this.durable = { ...this.durable, ...made, ...change };
  }

  set(change: Partial<Volatile>): void {
    this.volatile = { ...this.volatile, ...change };
  }

  setPostgres(change: Partial<LocalPostgres>): void {
    this.volatile = { ...this.volatile, postgres: { ...this.volatile.postgres, ...change } };
  }

  emit(effect: Effect): void {
    this.after.push(effect);
  }

  note(level: Note["level"], mark: string, text: string, data: Note["data"] = {}): void {
    this.after.push({ kind: "note", level, mark, text, data });
  }

  /** Starts an exclusive operation on the local Postgres: the next one waits for its report. */
  operate(action: PostgresAction, term: Term): number {
    const id = this.background(action);
    this.setPostgres({ op: { id, what: action.kind, term } });
    return id;
  }

  /** Starts an operation that others need not wait for. */
  background(action: PostgresAction): number {
    const id = this.volatile.nextOp;
    this.set({ nextOp: id + 1 });
    this.emit({ kind: "postgres", op: id, action });
    return id;
  }
}
