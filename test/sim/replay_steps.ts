import { effectWord } from "../../src/agent/record.js";
import { encodeBigintJson } from "../../src/core/bigint_json.js";
import type { Effect } from "../../src/core/effects.js";
import type { Event } from "../../src/core/events.js";
import { step } from "../../src/core/node.js";
import type { Durable, State } from "../../src/core/state.js";
import type { Facts } from "./replay_facts.js";
import type { RecordedStep, Session } from "./replay_record.js";

export interface Stepped {
  /** Steps that did the same again. */
  readonly steps: number;
  /** The first difference; what comes after it says nothing. */
  readonly problem: string | null;
  /** What was last known to be on disk, and what may have got there as well. */
  readonly onDisk: Durable;
  readonly inFlight: Durable | null;
}

/** Steps the shipped core through one run; it must do exactly what it did, and its own invariants are asserted again. */
export function stepThrough(session: Session, facts: Facts): Stepped {
  let state = session.initial;
  let onDisk = state.durable;
  let inFlight: Durable | null = null;
  const stop = (n: number, problem: string): Stepped => ({
    steps: n - 1,
    problem: `step ${n}: ${problem}`,
    onDisk,
    inFlight,
  });
  for (const recorded of session.steps) {
    const { n, event, stamp } = recorded;
    if (inFlight !== null) return stop(n, "an event was handled before the word of the step before was on disk");
    let result: ReturnType<typeof step>;
    try {
      result = step(state, event, stamp);
    } catch (error) {
      return stop(n, `${what(event)}: ${error instanceof Error ? error.message : String(error)}`);
    }
    const { persist, after } = result.output;
    const difference = differs(recorded, persist, after);
    if (difference !== null) return stop(n, `${what(event)}: ${difference}`);
    facts.see(state, result.state, event, after);
    state = result.state;
    if (persist === null) continue;
    if (recorded.persisted) onDisk = persist;
    else inFlight = persist;
  }
  const { broke } = session;
  const problem = broke === null ? null : refusedAgain(state, broke.event, broke.stamp, broke.reason);
  return { steps: session.steps.length, problem, onDisk, inFlight };
}

function differs(recorded: RecordedStep, persist: Durable | null, after: readonly Effect[]): string | null {
  const [was, is] = [encodeBigintJson(recorded.persist), encodeBigintJson(persist)];
  if (was !== is) return `it persisted ${was}, and now would persist ${is}`;
  const words = after.map(effectWord);
  const at = words.findIndex((word, i) => word !== recorded.effects[i]);
  if (at >= 0) return `effect ${at + 1} was ${recorded.effects[at] ?? "none"}, and now is ${words[at]}`;
  const more = recorded.effects[words.length];
  return more === undefined ? null : `effect ${words.length + 1} was ${more}, and now is none`;
}

/** A broken invariant is a finding in itself, whether or not the core still refuses the step. */
function refusedAgain(state: State, event: Event, stamp: RecordedStep["stamp"], reason: string): string {
  try {
    step(state, event, stamp);
  } catch {
    return `the sidecar ended itself at ${what(event)}, and would again: ${reason}`;
  }
  return `the sidecar ended itself at ${what(event)}, and would not again: ${reason}`;
}

function what(event: Event): string {
  return event.kind === "postgres" ? `postgres ${event.report.kind}` : event.kind;
}

/** Why the word that a node came back with cannot be the one it had given; null if it can. */
export function goesOn(before: Stepped, wasCut: boolean, next: Durable): string | null {
  const same = (durable: Durable | null) => durable !== null && encodeBigintJson(durable) === encodeBigintJson(next);
  if (same(before.onDisk) || same(before.inFlight)) return null;
  const { onDisk } = before;
  if (onDisk.incarnation !== next.incarnation) return null;
  // A record that was cut short may lack the last word, which is never below the one before.
  const back =
    next.promise.term < onDisk.promise.term ||
    next.promotionStarted < onDisk.promotionStarted ||
    (onDisk.held && !next.held) ||
    (next.promise.term === onDisk.promise.term && next.promise.attempt?.nonce !== onDisk.promise.attempt?.nonce);
  if (wasCut && !back) return null;
  return `it began with ${encodeBigintJson(next)}, having left ${encodeBigintJson(onDisk)}`;
}
