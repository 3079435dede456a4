import { defineConfig } from "vitest/config";

/** Real Postgres takes its time on a busy machine; waits inside the tests have deadlines of their own. */
const PG_TIMEOUT_MS = 120_000;

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/pg/**"],
          setupFiles: ["test/one_seed.ts"],
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: "pg",
          include: ["test/pg/**/*.pg.test.ts"],
          // Clusters compete for two cores: one file at a time, or timings say nothing.
          fileParallelism: false,
          testTimeout: PG_TIMEOUT_MS,
          hookTimeout: PG_TIMEOUT_MS,
        },
      },
    ],
  },
});
