/** JSON for values with bigints, which JSON has no word for: `{ "$bigint": "42" }`. Survives a round trip unchanged. */
const KEY = "$bigint";

export function encodeBigintJson(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) => (typeof item === "bigint" ? { [KEY]: item.toString() } : item));
}

/** @throws SyntaxError for text that `encodeBigintJson` cannot have written. */
export function decodeBigintJson(text: string): unknown {
  return JSON.parse(text, (_key, item: unknown) => {
    if (typeof item !== "object" || item === null || !(KEY in item)) return item;
    const digits = item[KEY];
    if (typeof digits !== "string" || !/^-?\d+$/.test(digits)) throw new SyntaxError(`not a bigint: ${String(digits)}`);
    return BigInt(digits);
  });
}
