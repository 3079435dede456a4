import type { Batch, Work } from "./batch.js";
import { runBatch } from "./batch.js";

/** One process of the pool: takes batches, gives outcomes, and ends with its parent. */
process.on("message", (batch: Batch) => {
  const before = process.cpuUsage();
  const outcome = runBatch(batch);
  const { user, system } = process.cpuUsage(before);
  process.send?.({ ...outcome, cpuMs: (user + system) / 1000 } satisfies Work);
});
process.on("disconnect", () => process.exit(0));
// Ctrl-C reaches everybody at the terminal: the batch under way is finished, and the parent says when to end.
process.on("SIGINT", () => {});
