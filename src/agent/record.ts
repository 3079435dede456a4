/**
 * What a record of a sidecar's run is made of: JSON lines from which `npm run sim -- --replay` steps the core again.
 *
 *     begin       the state that the following steps start from; a sidecar that was restarted begins again in the same file
 *     step        one event with its stamp, what was to be persisted, and one word for each effect
 *     persisted   the last step's durable word is on disk
 *     broke       the step failed; the sidecar fenced itself and ended
 *     end         the sidecar was stopped; without it the record was cut short, and may lack its last steps
 *
 * Passwords never reach the core, so there is none in here.
 */
import { createHash } from "node:crypto";
import { decodeBigintJson, encodeBigintJson } from "../core/bigint_json.js";
import type { Effect } from "../core/effects.js";
import type { Event, Stamp } from "../core/events.js";
import type { Output } from "../core/node.js";
import type { Durable, State } from "../core/state.js";

/** 2: the state knows of leases, progress and catch-up. 3: of promises and votes. 4: and of orders. 5: of what is left behind. */
export const RECORD_FORMAT = 5;

/** Sees every step of a loop. None of these may throw or wait. */
export interface Recorder {
  stepped(event: Event, stamp: Stamp, output: Output, state: State): void;
  broke(event: Event, stamp: Stamp, reason: string): void;
  persisted(): void;
}

/** An event; or the same one again as the last with this key: heartbeats repeat what was said before. */
export type RecordedEvent = Event | { readonly again: string };

export type RecordLine =
  | {
      readonly line: "begin";
      readonly format: number;
      /** Set when the steps before these are in the file that was filled before this one. */
      readonly continued: boolean;
      readonly state: State;
    }
  | {
      readonly line: "step";
      /** Counts from 1 after each `begin`. */
      readonly n: number;
      readonly stamp: Stamp;
      readonly event: RecordedEvent;
      readonly persist: Durable | null;
      readonly effects: readonly string[];
    }
  | { readonly line: "persisted"; readonly n: number }
  | {
      readonly line: "broke";
      readonly n: number;
      readonly stamp: Stamp;
      readonly event: RecordedEvent;
      readonly reason: string;
    }
  | { readonly line: "end" };

const LINES: readonly string[] = ["begin", "step", "persisted", "broke", "end"] satisfies RecordLine["line"][];
const DIGEST_DIGITS = 12;

/** Shared by all events of which one may repeat the other. */
export function repetitionKey(event: Event): string {
  const peer = "peer" in event ? `/${event.peer}` : "";
  const report = event.kind === "postgres" ? `/${event.report.kind}` : "";
  return `${event.kind}${peer}${report}`;
}

/** One word for an effect: what it is, for people, and a digest of all of it. */
export function effectWord(effect: Effect): string {
  const digest = createHash("sha256").update(encodeBigintJson(effect)).digest("hex").slice(0, DIGEST_DIGITS);
  const what = effect.kind === "note" ? effect.mark : effect.kind === "postgres" ? effect.action.kind : "";
  return `${effect.kind}${what === "" ? "" : `:${what}`}#${digest}`;
}

export function encodeLine(line: RecordLine): string {
  return `${encodeBigintJson(line)}\n`;
}

/** @throws SyntaxError for text that `encodeLine` cannot have written. */
export function decodeLine(text: string): RecordLine {
  const value = decodeBigintJson(text);
  if (typeof value !== "object" || value === null || !("line" in value) || !LINES.includes(String(value.line)))
    throw new SyntaxError("no line of a record");
  return value as RecordLine;
}
