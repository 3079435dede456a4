import { describe, expect, it } from "vitest";
import { crc32c } from "../../src/postgres/crc32c.js";

describe("CRC-32C", () => {
  // The vectors of RFC 3720, B.4, and the usual check value.
  it.each([
    ["nothing", Buffer.alloc(0), 0x00000000],
    ["123456789", Buffer.from("123456789"), 0xe3069283],
    ["32 zeros", Buffer.alloc(32), 0x8a9136aa],
    ["32 times 0xff", Buffer.alloc(32, 0xff), 0x62a8ab43],
    ["0 to 31", Buffer.from(Array.from({ length: 32 }, (_, index) => index)), 0x46dd794e],
    ["31 to 0", Buffer.from(Array.from({ length: 32 }, (_, index) => 31 - index)), 0x113fdb5c],
  ])("of %s", (_name, bytes, expected) => {
    expect(crc32c(bytes)).toBe(expected);
  });

  it("of parts, cut anywhere, is that of the whole", () => {
    const bytes = Buffer.from(Array.from({ length: 61 }, (_, index) => (index * 37) & 0xff));
    for (let cut = 0; cut <= bytes.length; cut++) {
      expect(crc32c(bytes.subarray(cut), crc32c(bytes.subarray(0, cut)))).toBe(crc32c(bytes));
    }
  });
});
