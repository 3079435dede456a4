/** Whatever would make a run depend on more than its seed throws while a run lasts. */
export function withoutAmbientClocks(run: () => void): void {
  const { setTimeout, setInterval, setImmediate } = globalThis;
  const { now } = Date;
  const { random } = Math;
  const performanceNow = performance.now;
  const forbid = (name: string) => () => {
    throw new Error(`${name} was used during a run`);
  };
  Object.assign(globalThis, {
    setTimeout: forbid("setTimeout"),
    setInterval: forbid("setInterval"),
    setImmediate: forbid("setImmediate"),
  });
  Date.now = forbid("Date.now");
  Math.random = forbid("Math.random");
  performance.now = forbid("performance.now");
  try {
    run();
  } finally {
    Object.assign(globalThis, { setTimeout, setInterval, setImmediate });
    Date.now = now;
    Math.random = random;
    performance.now = performanceNow;
  }
}
