const TEXT = /^(\d{1,9})(kB|MB|GB|TB)$/;
const UNIT_KB = { kB: 1, MB: 1024, GB: 1024 ** 2, TB: 1024 ** 3 } as const;

/** Reads `512kB`, `100MB` or `4GB`, as Postgres does; undefined for anything else, a bare number included. */
export function parseKilobytes(text: string): number | undefined {
  const match = TEXT.exec(text);
  if (match === null) return undefined;
  return Number(match[1]) * UNIT_KB[match[2] as keyof typeof UNIT_KB];
}

/** In the largest unit that says it exactly. */
export function kilobytesText(kb: number): string {
  const units = ["TB", "GB", "MB"] as const;
  const unit = units.find((name) => kb >= UNIT_KB[name] && kb % UNIT_KB[name] === 0) ?? "kB";
  return `${kb / UNIT_KB[unit]}${unit}`;
}
