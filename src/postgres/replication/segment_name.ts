import type { Term } from "../../core/log/position.js";

/** A whole segment in pg_wal. */
const SEGMENT = /^([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})$/;

export interface Segment {
  readonly timeline: Term;
  /** Counted from the beginning of the log. */
  readonly number: bigint;
}

/** Postgres writes a segment's number as two halves that meet at 4 GB. */
export function segmentName({ timeline, number }: Segment, segmentBytes: bigint): string {
  const perFile = 0x1_0000_0000n / segmentBytes;
  return `${hex(timeline)}${hex(number / perFile)}${hex(number % perFile)}`;
}

/** Null for every other file. */
export function segmentOf(name: string, segmentBytes: bigint): Segment | null {
  const [, timeline = "", high = "", low = ""] = SEGMENT.exec(name) ?? [];
  if (timeline === "") return null;
  const perFile = 0x1_0000_0000n / segmentBytes;
  return { timeline: BigInt(`0x${timeline}`), number: BigInt(`0x${high}`) * perFile + BigInt(`0x${low}`) };
}

function hex(value: bigint): string {
  return value.toString(16).toUpperCase().padStart(8, "0");
}
