const TEXT = /^(\d{1,9})(ms|s|m)$/;
const UNIT_MS = { ms: 1, s: 1000, m: 60_000 } as const;

/** Reads `1500ms`, `2s` or `1m`; undefined for anything else, a bare number included: its unit would be a guess. */
export function parseDuration(text: string): number | undefined {
  const match = TEXT.exec(text);
  if (match === null) return undefined;
  return Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS];
}
