import type { Batch } from "./batch.js";
import { runBatch } from "./batch.js";

/** One process of the pool: takes batches, gives outcomes, and ends with its parent. */
process.on("message", (batch: Batch) => {
  process.send?.(runBatch(batch));
});
process.on("disconnect", () => process.exit(0));
// Ctrl-C reaches everybody at the terminal: the batch under way is finished, and the parent says when to end.
process.on("SIGINT", () => {});
