import { encodeBigintJson } from "../core/bigint_json.js";
import type { Event, Stamp } from "../core/events.js";
import type { Output } from "../core/node.js";
import type { State } from "../core/state.js";
import { effectWord, encodeLine, RECORD_FORMAT, type RecordedEvent, repetitionKey } from "./record.js";

/** One thing to be recorded, as the loop said it. */
export type Happening =
  | {
      readonly kind: "step";
      readonly event: Event;
      readonly stamp: Stamp;
      readonly output: Output;
      readonly state: State;
    }
  | { readonly kind: "broke"; readonly event: Event; readonly stamp: Stamp; readonly reason: string }
  | { readonly kind: "persisted" }
  | { readonly kind: "end" };

/** Turns what happened into lines, in order: it knows what was said before and need not be said again. */
export class RecordEncoder {
  private steps = 0;
  /** The state behind the last step that was encoded: what a new file begins with. */
  private state: State;
  private readonly last = new Map<string, string>();

  constructor(initial: State) {
    this.state = initial;
  }

  begin(continued: boolean): string {
    this.steps = 0;
    this.last.clear();
    return encodeLine({ line: "begin", format: RECORD_FORMAT, continued, state: this.state });
  }

  encode(what: Happening): string {
    if (what.kind === "end") return encodeLine({ line: "end" });
    if (what.kind === "persisted") return encodeLine({ line: "persisted", n: this.steps });
    this.steps += 1;
    const { event, stamp } = what;
    if (what.kind === "broke")
      return encodeLine({ line: "broke", n: this.steps, stamp, event: this.shortened(event), reason: what.reason });
    this.state = what.state;
    const { persist, after } = what.output;
    const effects = after.map(effectWord);
    return encodeLine({ line: "step", n: this.steps, stamp, event: this.shortened(event), persist, effects });
  }

  private shortened(event: Event): RecordedEvent {
    const key = repetitionKey(event);
    const text = encodeBigintJson(event);
    if (this.last.get(key) === text) return { again: key };
    this.last.set(key, text);
    return event;
  }
}
