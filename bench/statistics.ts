/** The value below which the given share of the values lies, by linear interpolation; null of nothing. */
export function quantile(values: readonly number[], share: number): number | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const place = (sorted.length - 1) * share;
  const low = sorted[Math.floor(place)] ?? 0;
  const high = sorted[Math.ceil(place)] ?? low;
  return low + (high - low) * (place - Math.floor(place));
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}

export interface Interval {
  readonly ratio: number;
  readonly ci95: readonly [number, number];
}

/** Two-sided 97.5 % quantiles of Student's t for 1 to 30 degrees of freedom; beyond, the normal one is near enough. */
const STUDENT = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131, 2.12, 2.11,
  2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042,
];
const NORMAL = 1.96;

/**
 * The ratio of paired measurements, with its 95 % interval: t over the logarithms, since ratios multiply. One pair
 * alone has no interval; its ends are then the ratio itself.
 */
export function pairedRatio(pairs: readonly { readonly baseline: number; readonly value: number }[]): Interval {
  const logs = pairs.map(({ baseline, value }) => Math.log(value / baseline));
  const centre = mean(logs);
  if (logs.length < 2) return { ratio: Math.exp(centre), ci95: [Math.exp(centre), Math.exp(centre)] };
  const variance = logs.reduce((sum, log) => sum + (log - centre) ** 2, 0) / (logs.length - 1);
  const half = (STUDENT[logs.length - 2] ?? NORMAL) * Math.sqrt(variance / logs.length);
  return { ratio: Math.exp(centre), ci95: [Math.exp(centre - half), Math.exp(centre + half)] };
}

export function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
