import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { encodeBigintJson } from "../../src/core/bigint_json.js";
import { NEVER_PAUSED } from "../../src/core/orders.js";
import { type Durable, freshDurable } from "../../src/core/state.js";
import { durableCodec } from "../../src/store/durable_codec.js";
import { type Parsed, parseState, serializeState } from "../../src/store/state_format.js";

const IDENTITY = { cluster: "shop", node: "n1", incarnation: "i-1", system_identifier: null };
const WORD: Durable = {
  ...freshDurable("shop", "n1", "i-1"),
  promise: { term: 7n, attempt: null },
  promises: [{ term: 7n, boot: "b" }],
  nonVoter: true,
  pause: { paused: true, number: 3, by: "n2" },
};

/** A file as versions before format 3 wrote it: the checksum is the body's alone. */
function older(format: number, word: object): Parsed<Durable> {
  const body = Buffer.from(`${JSON.stringify(IDENTITY)}\n${encodeBigintJson(word)}`);
  const head = `QUORATE-STATE ${format} ${body.length} ${createHash("sha256").update(body).digest("hex")}\n`;
  return parseState("f", Buffer.concat([Buffer.from(head), body]), durableCodec);
}

describe("a node's word in its state file", () => {
  test("is read as it was written", () => {
    const parsed = parseState("f", serializeState(IDENTITY, WORD, durableCodec), durableCodec);
    expect(parsed).toMatchObject({ kind: "ok", value: WORD });
  });

  test("of format 2: there were no orders to pause; all else stands", () => {
    const { pause, ...word } = WORD;
    expect(pause.paused).toBe(true);
    expect(older(2, word)).toMatchObject({ kind: "ok", value: { ...word, pause: NEVER_PAUSED } });
  });

  test("of format 1: nothing is said of promises either", () => {
    const { pause, promises, nonVoter, ...word } = WORD;
    expect([pause.paused, promises.length, nonVoter]).toEqual([true, 1, true]);
    const upgraded = { ...word, promises: [], nonVoter: false, pause: NEVER_PAUSED };
    expect(older(1, word)).toMatchObject({ kind: "ok", value: upgraded });
  });

  test("without what its format says is refused", () => {
    const { pause, ...word } = WORD;
    expect(pause.paused).toBe(true);
    const bytes = serializeState(IDENTITY, word as unknown as Durable, durableCodec);
    expect(parseState("f", bytes, durableCodec)).toMatchObject({ kind: "refused", refusal: { code: "unreadable" } });
    expect(older(2, { ...word, promises: undefined })).toMatchObject({ kind: "refused" });
  });
});
