const POLYNOMIAL_REVERSED = 0x82f63b78;
const SLICES = 8;

/** Tables of the slicing-by-8 method: WAL is checked by the megabyte at a start, a byte at a time is too slow. */
const TABLES: readonly Uint32Array[] = buildTables();

function buildTables(): Uint32Array[] {
  const first = new Uint32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL_REVERSED : crc >>> 1;
    first[byte] = crc >>> 0;
  }
  const tables = [first];
  for (let slice = 1; slice < SLICES; slice++) {
    const before = tables[slice - 1] as Uint32Array;
    tables.push(before.map((crc) => ((crc >>> 8) ^ (first[crc & 0xff] as number)) >>> 0));
  }
  return tables;
}

/**
 * CRC-32C (Castagnoli), as Postgres computes it for WAL and pg_control.
 * `crc` is the result of the bytes before, so that a record's parts can be added one after another.
 */
export function crc32c(bytes: Uint8Array, crc = 0): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = TABLES as readonly [Uint32Array, ...Uint32Array[]] & Record<number, Uint32Array>;
  let state = ~crc;
  let at = 0;
  for (; at + SLICES <= bytes.length; at += SLICES) {
    const low = state ^ (b(bytes, at) | (b(bytes, at + 1) << 8) | (b(bytes, at + 2) << 16) | (b(bytes, at + 3) << 24));
    state =
      e(t7, low) ^ e(t6, low >>> 8) ^ e(t5, low >>> 16) ^ e(t4, low >>> 24) ^
      e(t3, b(bytes, at + 4)) ^ e(t2, b(bytes, at + 5)) ^ e(t1, b(bytes, at + 6)) ^ e(t0, b(bytes, at + 7));
  }
  for (; at < bytes.length; at++) state = (state >>> 8) ^ e(t0, state ^ b(bytes, at));
  return ~state >>> 0;
}

function b(bytes: Uint8Array, at: number): number {
  return bytes[at] as number;
}

function e(table: Uint32Array | undefined, index: number): number {
  return (table as Uint32Array)[index & 0xff] as number;
}
