const POLYNOMIAL_REVERSED = 0x82f63b78;

/** Table of the slicing-by-8 method, eight times 256 entries: WAL is checked by the megabyte at a start, and a byte at a time is too slow. */
const TABLE = buildTable();

function buildTable(): Uint32Array {
  const table = new Uint32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL_REVERSED : crc >>> 1;
    table[byte] = crc;
  }
  for (let index = 256; index < table.length; index++) {
    const before = at(table, index - 256);
    table[index] = (before >>> 8) ^ at(table, before & 0xff);
  }
  return table;
}

/** The compiler cannot know that an index is in range, and a check in this loop would cost half its speed. */
function at(values: Uint8Array | Uint32Array, index: number): number {
  return values[index] as number;
}

/**
 * CRC-32C (Castagnoli), as Postgres computes it for WAL and pg_control.
 * `crc` is the result of the bytes before, so that a record's parts can be added one after another.
 */
export function crc32c(bytes: Uint8Array, crc = 0): number {
  let state = ~crc;
  let index = 0;
  for (; index + 8 <= bytes.length; index += 8) {
    const low =
      state ^
      (at(bytes, index) | (at(bytes, index + 1) << 8) | (at(bytes, index + 2) << 16) | (at(bytes, index + 3) << 24));
    state =
      at(TABLE, 1792 + (low & 0xff)) ^
      at(TABLE, 1536 + ((low >>> 8) & 0xff)) ^
      at(TABLE, 1280 + ((low >>> 16) & 0xff)) ^
      at(TABLE, 1024 + (low >>> 24)) ^
      at(TABLE, 768 + at(bytes, index + 4)) ^
      at(TABLE, 512 + at(bytes, index + 5)) ^
      at(TABLE, 256 + at(bytes, index + 6)) ^
      at(TABLE, at(bytes, index + 7));
  }
  for (; index < bytes.length; index++) state = (state >>> 8) ^ at(TABLE, (state ^ at(bytes, index)) & 0xff);
  return ~state >>> 0;
}
