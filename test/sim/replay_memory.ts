import type { Recorder } from "../../src/agent/record.js";
import { RecordEncoder } from "../../src/agent/record_encoder.js";
import type { Event, Stamp } from "../../src/core/events.js";
import type { Output } from "../../src/core/node.js";
import type { State } from "../../src/core/state.js";
import { Script } from "../datadriven/script.js";
import { World } from "../datadriven/world.js";

/** A record that is never behind, and never on a disk. */
class MemoryRecord implements Recorder {
  private readonly encoder: RecordEncoder;
  text: string;

  constructor(initial: State, before: string) {
    this.encoder = new RecordEncoder(initial);
    this.text = `${before}${this.encoder.begin(false)}`;
  }

  stepped(event: Event, stamp: Stamp, output: Output, state: State): void {
    this.text += this.encoder.encode({ kind: "step", event, stamp, output, state });
  }

  broke(event: Event, stamp: Stamp, reason: string): void {
    this.text += this.encoder.encode({ kind: "broke", event, stamp, reason });
  }

  persisted(): void {
    this.text += this.encoder.encode({ kind: "persisted" });
  }

  /** Whatever ended it, this record lacks nothing. */
  ended(): string {
    return `${this.text}${this.encoder.encode({ kind: "end" })}`;
  }
}

/** Runs the commands of a script, and gives what each of its nodes would have recorded. */
export function recordScript(script: string): ReadonlyMap<string, string> {
  const records = new Map<string, MemoryRecord>();
  const world = new World();
  world.recorderOf = (initial) => {
    const id = initial.config.self;
    const record = new MemoryRecord(initial, records.get(id)?.ended() ?? "");
    records.set(id, record);
    return record;
  };
  new Script(world).run(script);
  return new Map([...records].map(([id, record]) => [id, record.ended()]));
}
