import { readFile } from "node:fs/promises";
import { decodeLine, RECORD_FORMAT, type RecordLine, repetitionKey } from "../../src/agent/record.js";
import type { Event, Stamp } from "../../src/core/events.js";
import type { Durable, State } from "../../src/core/state.js";

export interface RecordedStep {
  readonly n: number;
  readonly event: Event;
  readonly stamp: Stamp;
  readonly persist: Durable | null;
  readonly effects: readonly string[];
  /** Whether the record says that the word was on disk before the next step. */
  persisted: boolean;
}

/** One run of a sidecar, or what is left of it behind a full file. */
export interface Session {
  readonly continued: boolean;
  readonly initial: State;
  readonly steps: RecordedStep[];
  /** The step that the core refused to take. */
  broke: { readonly event: Event; readonly stamp: Stamp; readonly reason: string } | null;
  /** False when the record was cut short: kill -9, or the sidecar still runs. */
  ended: boolean;
}

export interface RecordRead {
  readonly file: string;
  readonly sessions: readonly Session[];
  /** Lines that a kill tore; each is the last one of its run. */
  readonly torn: number;
  readonly problems: readonly string[];
}

/** Reads a record as far as it makes sense; a line that is neither whole nor the last of its run is a problem. */
export async function readRecord(file: string): Promise<RecordRead> {
  return parseRecord(file, await readFile(file, "utf8"));
}

export function parseRecord(file: string, text: string): RecordRead {
  const sessions: Session[] = [];
  const problems: string[] = [];
  const lines = text.split("\n");
  const tail = lines.pop() ?? "";
  if (tail !== "") lines.push(tail);
  let torn = 0;
  const last = new Map<string, Event>();
  for (const [i, line] of lines.entries()) {
    const parsed = parse(line);
    if (parsed === null) {
      const next = lines[i + 1];
      if (next === undefined || parse(next)?.line === "begin") torn += 1;
      else problems.push(`${file}:${i + 1}: no line of a record, and not the last one of a run`);
      continue;
    }
    const problem = take(parsed, sessions, last);
    if (problem !== null) problems.push(`${file}:${i + 1}: ${problem}`);
  }
  if (sessions.length === 0) problems.push(`${file}: holds no record`);
  return { file, sessions, torn, problems };
}

function parse(text: string): RecordLine | null {
  try {
    return decodeLine(text);
  } catch {
    // What is to be made of it depends on where it stands.
    return null;
  }
}

/** Puts a line where it belongs; says what is wrong with it. */
function take(line: RecordLine, sessions: Session[], last: Map<string, Event>): string | null {
  const session = sessions.at(-1);
  if (line.line === "begin") return begin(line, sessions, last);
  if (session === undefined) return "a line before the first beginning";
  if (session.ended || session.broke !== null) return "a line after the end of its run";
  return goOn(line, session, last);
}

type Begin = Extract<RecordLine, { line: "begin" }>;

function begin(line: Begin, sessions: Session[], last: Map<string, Event>): string | null {
  last.clear();
  if (line.format !== RECORD_FORMAT)
    return `format ${line.format} is not ${RECORD_FORMAT}: replay it with its own version`;
  sessions.push({ continued: line.continued, initial: line.state, steps: [], broke: null, ended: false });
  return null;
}

function goOn(line: Exclude<RecordLine, Begin>, session: Session, last: Map<string, Event>): string | null {
  if (line.line === "end") {
    session.ended = true;
    return null;
  }
  const step = session.steps.at(-1);
  if (line.line === "persisted") {
    // The word of a step whose line is in the file before this one.
    if (step === undefined && line.n === 0 && session.continued) return null;
    if (step?.n !== line.n) return `step ${line.n} is said to be persisted after step ${step?.n ?? 0}`;
    step.persisted = true;
    return null;
  }
  const { n, stamp } = line;
  if (n !== (step?.n ?? 0) + 1) return `step ${n} comes after step ${step?.n ?? 0}: steps are missing or out of order`;
  const event = "again" in line.event ? last.get(line.event.again) : line.event;
  if (event === undefined) return `step ${n} repeats an event that was not there before`;
  last.set(repetitionKey(event), event);
  if (line.line === "broke") session.broke = { event, stamp, reason: line.reason };
  else session.steps.push({ n, event, stamp, persist: line.persist, effects: line.effects, persisted: false });
  return null;
}
