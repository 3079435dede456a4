import { describe, expect, test } from "vitest";
import { registerExplain, renderExplanation } from "../../src/cli/commands/explain.js";
import { explain } from "../../src/cli/explanation.js";
import { explainShape } from "../../src/cli/insight_schemas.js";
import { describeSets } from "../../src/cli/node_sets.js";
import { paintFor } from "../../src/cli/paint.js";
import type { StatusJson } from "../../src/cli/schemas.js";
import { cli } from "./cli_run.js";
import { servedCluster } from "./served_cluster.js";
import { answersOf, type NodeJson, statusOf } from "./statuses.js";

const plain = paintFor({}, false);
const explained = (answers: ReturnType<typeof answersOf>) => explain({ cluster: "shop", answers, start: "start n1" });
const text = (answers: ReturnType<typeof answersOf>) => renderExplanation(explained(answers), plain);

const NO_QUORUM: StatusJson["blocked"] = {
  ...{ code: "no_quorum", reason: "n1 leads term 3, but its followers are too few for the policy: every commit waits" },
  ...{ missing: ["n2", "n3"], next_step: "start n2 or n3", enough: [["n2"], ["n3"]] },
};

describe("why nothing happens", () => {
  test("all is well: who may die next, with a pause and without one", () => {
    const all = text(answersOf(statusOf()));
    expect(all).toMatch(/^shop: n1 leads term 3: writes are acknowledged$/m);
    expect(all).toMatch(/of the followers +n2 or n3$/m);
    expect(all).toMatch(/with the leader +n1, after a failover$/m);
    expect(all).toMatch(/^ {2}n1 +leads term 3; Postgres running$/m);
    expect(all).toMatch(/^ {2}n2 +follows n1 in term 3; Postgres running, streams, 0 B behind$/m);
    expect(all).not.toMatch(/next:|would be enough/);
  });

  test("a node is gone: degraded, with the reason, and nobody else may die", () => {
    const gone: Partial<NodeJson> = { reachable: false, postgres: null, role: "none", seen_age_ms: 12_340 };
    const status = statusOf({ survives: [], spare: [] }, { n3: { ...gone, why_not: "connection refused" } });
    const told = explained(answersOf(status, ["n1", "n2"]));
    expect(told).toMatchObject({ state: "degraded", writable: true, reasons: ["n3: connection refused"] });
    expect(told.nodes[2]).toEqual({
      id: "n3",
      answers: false,
      says: "does not answer (nothing listens there); last heard by n1 12.3 s ago",
    });
    const rendered = renderExplanation(told, plain);
    expect(rendered).toMatch(/of the followers +none: without any one more, commits wait$/m);
    expect(rendered).toMatch(/with the leader +not now: nobody could take over until n1 or others are back$/m);
  });

  test("paused: said as what is wrong, with what ends it", () => {
    expect(explained(answersOf(statusOf({ paused: true })))).toMatchObject({
      ...{ state: "degraded", writable: true, next_step: "quorate resume" },
      reasons: ["elections are paused: a leader that dies is not replaced"],
    });
  });

  test("a leader without a quorum: who is missing, and what would be enough", () => {
    const rendered = text(answersOf(statusOf({ blocked: NO_QUORUM }), ["n1"]));
    expect(rendered).toMatch(/^shop: n1 leads term 3, and every commit waits$/m);
    expect(rendered).toMatch(/^would be enough: n2 or n3$/m);
    expect(rendered).toMatch(/^next: start n2 or n3$/m);
    expect(rendered).not.toMatch(/may die/);
  });

  test("nobody leads: cannot be elected, being elected, never founded are told apart", () => {
    const lost = { leader: null, established: false, survives: [], spare: [] };
    const cannot = explained(answersOf(statusOf({ ...lost, blocked: { ...NO_QUORUM, code: "not_enough" } }), ["n1"]));
    expect(cannot).toMatchObject({ state: "no_leader", writable: false, enough: [["n2"], ["n3"]] });
    expect(cannot.summary).toBe("no leader is heard, and none can be elected");
    expect(explained(answersOf(statusOf(lost))).summary).toBe("no leader is heard; one is being elected");
    expect(explained(answersOf(statusOf({ ...lost, ruleset: null }))).summary).toBe("the cluster does not exist yet");
    const told = { ...NO_QUORUM, code: "founded_already", reason: "nobody who answers holds the data" };
    expect(explained(answersOf(statusOf({ ...lost, ruleset: null, blocked: told })))).toMatchObject({
      summary: "the cluster exists, and nobody who is heard holds its data",
      reasons: expect.arrayContaining(["nobody who answers holds the data"]),
    });
    const early = statusOf({ established: false });
    expect(explained(answersOf(early)).summary).toMatch(/not established yet: nobody may write/);
  });

  test("what a node says of itself is its own word, not the best informed one's", () => {
    const behind = statusOf(
      { term: 2, leader: "n2" },
      { n3: { role: "none", promise: 4, term: 0, postgres: "stopped" } },
    );
    const [one, two] = answersOf(statusOf());
    const answers = [one, two, { id: "n3", status: behind, reason: null, certificateUntilMs: null }].flatMap(
      (answer) => answer ?? [],
    );
    const told = explained(answers);
    expect(told.nodes[2]?.says).toBe("knows no leader; has promised term 4; Postgres stopped");
    expect(told.reasons).toContain("n3 holds n2 to lead term 2");
  });

  test("what a node does that is not ready yet", () => {
    const cloning = { postgres: "cloning" as const, rejoin: { percent: 42 } };
    const status = statusOf({}, { n2: cloning, n3: { streaming: false } });
    expect(explained(answersOf(status)).reasons).toEqual([
      "n2: its Postgres is cloning, 42 %",
      "n3: it follows, and does not stream yet",
    ]);
  });

  test("nobody answers: what to start", () => {
    const told = explained(answersOf(statusOf(), []));
    expect(told).toMatchObject({ state: "unreachable", missing: ["n1", "n2", "n3"], next_step: "start n1" });
    expect(told.nodes[0]?.says).toBe("does not answer (nothing listens there)");
  });
});

describe("sets of nodes as people say them", () => {
  test.each([
    [[], "nobody"],
    [[["n1"]], "n1"],
    [[["n1"], ["n2"]], "n1 or n2"],
    [[["n1", "n2"]], "n1 and n2"],
    [
      [
        ["n1", "n2"],
        ["n1", "n3"],
        ["n2", "n3"],
      ],
      "any 2 of n1, n2, n3",
    ],
    [
      [
        ["n1", "n2"],
        ["n1", "n3"],
      ],
      "n1 and n2, or n1 and n3",
    ],
    [[["n1", "n2"], ["n3"]], "n1 and n2, or n3"],
  ])("%j", (sets, said) => expect(describeSets(sets)).toBe(said));
});

describe("colours", () => {
  test.each([
    [{}, true, true],
    [{}, false, false],
    [{ NO_COLOR: "1" }, true, false],
    [{ NO_COLOR: "" }, true, true],
    [{ TERM: "dumb" }, true, false],
  ])("environment %j, terminal %s: %s", (env, isTty, coloured) => {
    expect(paintFor(env, isTty).red("x") !== "x").toBe(coloured);
  });
});

describe("quorate explain", () => {
  test("prints its shape; exit code 0 whatever is wrong, 3 if nobody answers", async () => {
    const { file, serve } = await servedCluster();
    const nobody = await cli(["explain", "-c", file, "-o", "json"], [registerExplain]);
    expect(nobody.code).toBe(3);
    expect(explainShape.parse(JSON.parse(nobody.stdout)).next_step).toMatch(/^start a sidecar/);
    await serve("n1", { snapshot: () => JSON.stringify(statusOf({ blocked: NO_QUORUM })) });
    await serve("n2", { snapshot: () => "no JSON" });
    const blocked = await cli(["explain", "-c", file, "-o", "json"], [registerExplain]);
    expect(blocked.code).toBe(0);
    const told = explainShape.parse(JSON.parse(blocked.stdout));
    expect(told).toMatchObject({ writable: false, missing: ["n2", "n3"] });
    expect(told.nodes[1]?.says).toMatch(/in a form that this version does not know/);
  });
});
