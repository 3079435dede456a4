import { describe, expect, test } from "vitest";
import { milliseconds, readFlags, wholeNumber, wholeNumbers } from "../../bench/options.js";
import { pairedRatio, quantile } from "../../bench/statistics.js";

describe("statistics", () => {
  test("quantiles lie between the values", () => {
    expect(quantile([], 0.5)).toBeNull();
    expect(quantile([7], 0.9)).toBe(7);
    expect(quantile([4, 1, 3, 2], 0.5)).toBe(2.5);
    expect(quantile([10, 20, 30], 1)).toBe(30);
  });

  test("equal pairs have the ratio 1 and no width", () => {
    const pairs = [100, 200, 50].map((tps) => ({ baseline: tps, value: tps }));
    expect(pairedRatio(pairs)).toEqual({ ratio: 1, ci95: [1, 1] });
  });

  test("noise widens the interval around the ratio; the machine getting slower does not", () => {
    const noisy = pairedRatio([0.9, 1.1, 0.95, 1.05].map((ratio) => ({ baseline: 100, value: 100 * ratio })));
    expect(noisy.ci95[0]).toBeLessThan(noisy.ratio);
    expect(noisy.ci95[1]).toBeGreaterThan(noisy.ratio);
    const slower = pairedRatio([1000, 500, 250].map((tps) => ({ baseline: tps, value: tps * 0.5 })));
    expect(slower.ratio).toBeCloseTo(0.5);
    expect(slower.ci95[1] - slower.ci95[0]).toBeLessThan(1e-9);
  });
});

describe("flags", () => {
  const defaults = { trials: "20", clients: "1,8" };

  test("defaults, values and the output", () => {
    expect(readFlags(["--trials", "3", "-o", "json"], defaults)).toEqual({
      trials: "3",
      clients: "1,8",
      output: "json",
    });
    expect(wholeNumbers(defaults, "clients")).toEqual([1, 8]);
    expect(milliseconds({ delay: "1ms" }, "delay")).toBe(1);
  });

  test("what is wrong is refused with what is known", () => {
    expect(() => readFlags(["--trial", "3"], defaults)).toThrow(/known: --trials 20/);
    expect(() => readFlags(["-o", "xml"], defaults)).toThrow(/text or json/);
    expect(() => wholeNumber({ trials: "0" }, "trials", 1)).toThrow(/whole number from 1 on/);
    expect(() => wholeNumbers({ clients: "1,x" }, "clients")).toThrow(/commas/);
  });
});
