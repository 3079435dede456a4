import { describe, expect, test } from "vitest";
import type { Election } from "../../src/core/coordinator/election.js";
import { type LeadershipLog, type LoggedRecord, leaderships } from "../../src/core/leaderships.js";
import type { History } from "../../src/core/log/history.js";
import type { ElectionPhases, NodeStatus } from "../../src/core/messages.js";
import type { Leading, Peer, Volatile } from "../../src/core/state.js";
import { statusOf } from "../../src/core/status.js";
import { type TermEvidence, termEvidence } from "../../src/core/term_evidence.js";
import { nodeAt } from "./lease_nodes.js";

function record(term: bigint, writtenBy: string, change: Partial<LoggedRecord> = {}): LoggedRecord {
  const at = `2026-01-01T00:00:0${term}.000Z`;
  return { number: { term, subterm: 0 }, state: "proposed", writtenBy, cause: `cause of ${term}`, at, ...change };
}

const EVIDENCE: TermEvidence = {
  ...{ term: 5n, leader: "n2", coordinator: "n3", cause: "cause of 5", recruited: ["n2", "n3"], founding: false },
  ...{ startedUnixMs: 1000, detectMs: 1, recruitMs: 2, promoteMs: 3, establishMs: 4 },
};
const HISTORY: History = {
  timeline: 5n,
  ancestors: [
    { timeline: 1n, end: 0x100n },
    { timeline: 2n, end: 0x300n },
  ],
};

describe("who led when and why", () => {
  const log: LeadershipLog = {
    records: [
      record(2n, "n1", { cause: "founding" }),
      record(2n, "n1", { state: "decided" }),
      record(2n, "n1", { number: { term: 2n, subterm: 1 }, cause: "policy" }),
      record(5n, "n2"),
    ],
    evidence: [EVIDENCE],
  };

  test("one entry a term, with where its timeline begins and when the next one took over", () => {
    expect(leaderships(log, HISTORY)).toEqual([
      {
        ...{ term: 2, leader: "n1", cause: "founding", at: "2026-01-01T00:00:02.000Z" },
        ...{ endedAt: "2026-01-01T00:00:05.000Z", lsn: 0x100n, established: true, evidence: null },
        changes: [log.records[2]],
      },
      {
        ...{ term: 5, leader: "n2", cause: "cause of 5", at: "2026-01-01T00:00:05.000Z" },
        ...{ endedAt: null, lsn: 0x300n, established: true, evidence: EVIDENCE, changes: [] },
      },
    ]);
  });

  test("a term without a mark and without evidence is not known to have been established", () => {
    const [, last] = leaderships({ ...log, evidence: [] }, HISTORY);
    expect(last).toMatchObject({ established: false, evidence: null });
  });

  test("without timelines no LSN is told, nor for a term that they do not hold", () => {
    expect(leaderships(log, null).map(({ lsn }) => lsn)).toEqual([null, null]);
    const other: History = { timeline: 7n, ancestors: [{ timeline: 5n, end: 0x900n }] };
    expect(leaderships(log, other).map(({ lsn }) => lsn)).toEqual([null, null]);
  });

  test("a record that was deleted and written again is one term, and evidence alone is none", () => {
    const again = { ...log, records: [...log.records, record(5n, "n2", { at: "later" })] };
    expect(leaderships(again, HISTORY)).toHaveLength(2);
    expect(leaderships(again, HISTORY)[1]?.at).not.toBe("later");
    expect(leaderships({ records: [], evidence: [EVIDENCE] }, HISTORY)).toEqual([]);
  });
});

describe("what a leader knows of its term", () => {
  const nowMs = 1_000_000;
  const phases = (change: Partial<ElectionPhases>): ElectionPhases => ({
    ...{ term: 5n, startedUnixMs: 700, detectMs: 0, recruitMs: 0, promoteMs: 30, establishMs: 40 },
    ...change,
  });

  function leaderOf5(coordinator: string, told: ElectionPhases | null, change: Partial<Volatile> = {}) {
    const turn = nodeAt("n2", nowMs);
    const request = { attempt: { node: coordinator, nonce: "x" }, cause: "silence", recruited: ["n2", "n3"] };
    const leading = { term: 5n, stage: "established", establishedMs: nowMs - 100, request } as unknown as Leading;
    const other = statusOf(nodeAt("n3", nowMs).state());
    const status: NodeStatus = { ...other, facts: { ...other.facts, phases: told } };
    turn.set({ leading, phases: phases({}), peers: { n3: { status } as Peer }, ...change });
    return turn.state();
  }

  test("its own part, and its coordinator's when that has told it", () => {
    const told = phases({ startedUnixMs: 900, detectMs: 10, recruitMs: 20, promoteMs: 0, establishMs: 0 });
    expect(termEvidence(leaderOf5("n3", told))).toMatchObject({
      ...{ term: 5n, leader: "n2", coordinator: "n3", cause: "silence", recruited: ["n2", "n3"] },
      ...{ startedUnixMs: 900, detectMs: 10, recruitMs: 20, promoteMs: 30, establishMs: 40 },
    });
  });

  test("a coordinator that tells of another term is waited for, and then done without", () => {
    const early = leaderOf5("n3", phases({ term: 4n }));
    expect(termEvidence(early)).toBeNull();
    const late = leaderOf5("n3", phases({ term: 4n }), { nowMs: nowMs + 6_000 });
    expect(termEvidence(late)).toMatchObject({ startedUnixMs: null, detectMs: null, recruitMs: null, promoteMs: 30 });
  });

  test("one that coordinates itself tells it once its election is over", () => {
    const own = { phases: phases({ detectMs: 11, recruitMs: 22 }) };
    const election = { stage: "promoting" } as Election;
    expect(termEvidence(leaderOf5("n2", null, { ...own, election }))).toBeNull();
    expect(termEvidence(leaderOf5("n2", null, own))).toMatchObject({ detectMs: 11, recruitMs: 22 });
  });

  test("nothing before it is established, and nothing of another term's phases", () => {
    const { volatile, ...state } = leaderOf5("n2", null);
    const leading = { ...volatile.leading, stage: "establishing" } as Leading;
    expect(termEvidence({ ...state, volatile: { ...volatile, leading } })).toBeNull();
    expect(termEvidence({ ...state, volatile: { ...volatile, leading: null } })).toBeNull();
    expect(termEvidence({ ...state, volatile: { ...volatile, phases: phases({ term: 4n }) } })).toBeNull();
  });
});
