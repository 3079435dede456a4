/**
 * A log sequence number: the byte offset of a WAL record's end, 64 bits.
 * https://www.postgresql.org/docs/current/datatype-pg-lsn.html
 */
export type Lsn = bigint;

export const LSN_ZERO: Lsn = 0n;

const LSN_MAX = (1n << 64n) - 1n;
const TEXT = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/;

/**
 * Reads Postgres' text form (`0/3000060`; zero-padded from Postgres 19 on).
 * @throws RangeError if the text is no LSN.
 */
export function parseLsn(text: string): Lsn {
  const match = TEXT.exec(text);
  if (match === null) throw new RangeError(`not an LSN: ${JSON.stringify(text)}`);
  return (BigInt(`0x${match[1]}`) << 32n) | BigInt(`0x${match[2]}`);
}

/** Postgres' own text form: two upper-case hexadecimal halves without padding. */
export function formatLsn(lsn: Lsn): string {
  if (lsn < 0n || lsn > LSN_MAX) throw new RangeError(`LSN out of range: ${lsn}`);
  return `${(lsn >> 32n).toString(16).toUpperCase()}/${(lsn & 0xffffffffn).toString(16).toUpperCase()}`;
}

export function maxLsn(a: Lsn, b: Lsn): Lsn {
  return a > b ? a : b;
}

export function minLsn(a: Lsn, b: Lsn): Lsn {
  return a < b ? a : b;
}
