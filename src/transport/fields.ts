import type { Lsn } from "../core/log/lsn.js";
import type { Position, Term } from "../core/log/position.js";
import { isEmptyPosition, TERM_FIRST, TERM_MAX } from "../core/log/position.js";
import type { Incarnation, NodeId } from "../core/ruleset/ruleset.js";
import { EDGE_LIMITS } from "./edge_limits.js";
import type { Position as WirePosition } from "./gen/quorate/v1/cluster.js";

/** Thrown by the readers below and caught by `decoding`: it never leaves the codecs. */
export class Malformed extends Error {
  override readonly name = "Malformed";
}

export type Decoded<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly reason: string };

/** The boundary: whatever the bytes are, what comes out is a value or a sentence. */
export function decoding<T>(message: string, read: () => T): Decoded<T> {
  try {
    return { ok: true, value: read() };
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    const detail = error instanceof Malformed ? cause : `the bytes are no such message (${cause})`;
    return { ok: false, reason: `malformed ${message}: ${detail}` };
  }
}

const NODE_ID = /^[a-z][a-z0-9-]{0,39}$/;
const TOKEN = /^[\x21-\x7e]+$/;
const SYSTEM_IDENTIFIER = /^[0-9]{1,20}$/;

export function present<T>(value: T | undefined, field: string): T {
  if (value === undefined) throw new Malformed(`${field} is missing`);
  return value;
}

export function nodeId(value: string, field: string): NodeId {
  if (!NODE_ID.test(value)) throw new Malformed(`${field} is no node id: ${quoted(value)}`);
  return value;
}

/** A string drawn by a program: incarnation, nonce, boot. */
export function token(value: string, field: string): Incarnation {
  if (value.length > EDGE_LIMITS.tokenChars || !TOKEN.test(value)) {
    throw new Malformed(`${field} is not 1 to ${EDGE_LIMITS.tokenChars} printable characters: ${quoted(value)}`);
  }
  return value;
}

export function systemIdentifier(value: string, field: string): string {
  if (!SYSTEM_IDENTIFIER.test(value)) throw new Malformed(`${field} is no system identifier: ${quoted(value)}`);
  return value;
}

export function text(value: string, field: string, charsMax: number = EDGE_LIMITS.textChars): string {
  if (value.length > charsMax)
    throw new Malformed(`${field} has ${value.length} characters, at most ${charsMax} are allowed`);
  return value;
}

/** For the sender of free text: cut rather than refused at the other end, and never between two surrogates. */
export function cut(value: string, charsMax: number = EDGE_LIMITS.textChars): string {
  if (value.length <= charsMax) return value;
  const last = value.charCodeAt(charsMax - 1);
  return value.slice(0, last >= 0xd800 && last <= 0xdbff ? charsMax - 1 : charsMax);
}

/** A term or timeline, 0 (none) included. */
export function term(value: bigint, field: string): Term {
  if (value < 0n || value > TERM_MAX) throw new Malformed(`${field} ${value} is outside 0 to ${TERM_MAX}`);
  return value;
}

/** A term that somebody can lead under. */
export function leadableTerm(value: bigint, field: string): Term {
  if (value < TERM_FIRST || value > TERM_MAX) {
    throw new Malformed(`${field} ${value} is outside ${TERM_FIRST} to ${TERM_MAX}`);
  }
  return value;
}

export function position(value: WirePosition | undefined, field: string): Position {
  const { timeline, lsn } = present(value, field);
  const read = { timeline: term(timeline, `${field}.timeline`), lsn };
  if (isEmptyPosition(read) && lsn !== 0n) throw new Malformed(`${field} has an LSN but no timeline`);
  return read;
}

export function optionalLsn(value: Lsn | undefined): Lsn | null {
  return value ?? null;
}

/** A duration or an instant in ms: a number that a clock can show. */
export function milliseconds(value: number, field: string): number {
  if (!Number.isFinite(value) || value < 0) throw new Malformed(`${field} is no duration: ${value}`);
  return value;
}

export function orNull<W, C>(value: W | undefined, field: string, read: (value: W, field: string) => C): C | null {
  return value === undefined ? null : read(value, field);
}

export function list<W, C>(
  values: readonly W[],
  field: string,
  lengthMax: number,
  read: (v: W, field: string) => C,
): C[] {
  if (values.length > lengthMax) {
    throw new Malformed(`${field} has ${values.length} entries, at most ${lengthMax} are allowed`);
  }
  return values.map((value, i) => read(value, `${field}[${i}]`));
}

/** Both directions of an enum from one table, so that the two cannot disagree. */
export interface EnumPair<C extends string, W extends string> {
  toWire(value: C): W;
  toCore(value: W, field: string): C;
}

export function enumPair<C extends string, W extends string>(table: Readonly<Record<C, W>>): EnumPair<C, W> {
  const back = new Map<W, C>((Object.keys(table) as C[]).map((key) => [table[key], key]));
  return {
    toWire: (value) => table[value],
    toCore(value, field) {
      const known = back.get(value);
      if (known === undefined) throw new Malformed(`${field} has an unknown value: ${quoted(value)}`);
      return known;
    },
  };
}

/** For error messages: foreign text is quoted and never long. */
function quoted(value: string): string {
  return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
}
