import { describe, expect, test } from "vitest";
import { newestOf, registerHistory, renderHistory } from "../../src/cli/commands/history.js";
import { type HistoryJson, historyShape } from "../../src/cli/insight_schemas.js";
import { cli } from "./cli_run.js";
import { servedCluster } from "./served_cluster.js";

type TermJson = HistoryJson["terms"][number];

function term(of: number, leader: string, change: Partial<TermJson> = {}): TermJson {
  return {
    ...{ term: of, leader, at: `2026-01-01T00:00:0${of}.250Z`, ended_at: null, lsn: "0/3000060", established: true },
    ...{ cause: "it was silent", founding: false, coordinator: "n3", recruited: ["n2", "n3"], started_unix_ms: 1 },
    ...{ phases: { detect_ms: 12, recruit_ms: 34, promote_ms: 56, establish_ms: 78 }, changes: [] },
    ...change,
  };
}

function history(terms: readonly TermJson[], node = "n1"): HistoryJson {
  return historyShape.parse({ schema: "quorate.history/1", cluster: "shop", node, terms });
}

const UNTOLD = { founding: null, coordinator: null, recruited: null, started_unix_ms: null, phases: null };

describe("the history for people", () => {
  test("a line for each term and for each change of the rules under it", () => {
    const change = { number: [3, 1], state: "decided", cause: "policy", at: "2026-01-01T00:01:00.000Z" } as const;
    const lines = renderHistory(
      history([
        term(2, "n1", { founding: true, cause: "all are empty", lsn: null }),
        term(3, "n2", { changes: [{ ...change, number: [3, 1] }] }),
        term(4, "n1", { ...UNTOLD, established: false }),
      ]),
    ).split("\n");
    expect(lines).toHaveLength(5);
    expect(lines[0]).toMatch(
      /^term +leader +since \(UTC\) +LSN +suspected +recruited +promoted +established +by +why$/,
    );
    expect(lines[1]).toMatch(/^2 +n1 +2026-01-01 00:00:02 +- .* founded: all are empty$/);
    expect(lines[2]).toMatch(/^3 +n2 .* 0\/3000060 +12 ms +34 ms +56 ms +78 ms +n2,n3 +it was silent$/);
    expect(lines[3]).toMatch(/^ +2026-01-01 00:01:00 +rules 3\.1 decided: policy$/);
    expect(lines[4]).toMatch(/^4 +n1 .* - +- +- +\? +- +it was silent$/);
  });

  test("of a cluster that was never founded", () => {
    expect(renderHistory(history([]))).toMatch(/never founded/);
  });
});

describe("the newest of several logs", () => {
  const short = history([term(2, "n1")]);
  const long = history([term(2, "n1"), term(3, "n2")]);

  test("is the one with the highest term; among equals the one that knows more", () => {
    expect(newestOf([short, long, short])).toBe(long);
    expect(newestOf([history([term(3, "n2")]), long])).toBe(long);
    const unsure = history([term(2, "n1"), term(3, "n2", { ...UNTOLD, established: false })]);
    const untold = history([term(2, "n1"), term(3, "n2", UNTOLD)]);
    expect(newestOf([unsure, untold])).toBe(untold);
    expect(newestOf([untold, long])).toBe(long);
    const nowhere = history([term(2, "n1"), term(3, "n2", { lsn: null })]);
    expect(newestOf([nowhere, long])).toBe(long);
  });

  test("is none if nobody told one", () => expect(newestOf([])).toBeNull());
});

describe("quorate history", () => {
  const run = (...args: string[]) => cli(["history", ...args], [registerHistory]);

  test("nobody answers: 3, with the reason of each node", async () => {
    const { file, portOf } = await servedCluster();
    const { code, stdout, stderr } = await run("-c", file);
    expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
    for (const id of ["n1", "n2", "n3"])
      expect(stderr).toContain(`${id}: no connection: nothing listens on 127.0.0.1:${portOf(id)}`);
  });

  test("a sidecar answers, and its Postgres does not run: 1", async () => {
    const { file, serve } = await servedCluster();
    await serve("n2", { history: () => Promise.reject(new Error("its Postgres does not run")) });
    const { code, stderr } = await run("-c", file);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^n2: its Postgres does not run$/m);
  });

  test("the newest log is shown, the last terms of it on demand; one node on demand", async () => {
    const { file, serve } = await servedCluster();
    await serve("n1", { history: async () => JSON.stringify(history([term(2, "n1")])) });
    await serve("n2", { history: async () => JSON.stringify(history([term(2, "n1"), term(3, "n2")], "n2")) });
    await serve("n3", { history: async () => "no JSON" });
    const all = historyShape.parse(JSON.parse((await run("-c", file, "-o", "json")).stdout));
    expect(all).toMatchObject({ node: "n2", terms: [{ term: 2 }, { term: 3 }] });
    expect((await run("-c", file, "-n", "1")).stdout).not.toMatch(/^2 /m);
    expect((await run("-c", file, "--node", "n1")).stdout).not.toMatch(/^3 /m);
    expect(await run("-c", file, "--node", "n3")).toMatchObject({ code: 1 });
    expect(await run("-c", file, "-n", "0")).toMatchObject({ code: 64, stdout: "" });
  });
});
