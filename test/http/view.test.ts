import { describe, expect, test } from "vitest";
import type { NodeStatus } from "../../src/core/messages.js";
import type { Mandate } from "../../src/core/orders.js";
import type { Leading, Peer, State, Volatile } from "../../src/core/state.js";
import { servesReads, servesWrites } from "../../src/http/health.js";
import { viewOf } from "../../src/http/view.js";
import { freshState } from "../agent/scripted_ports.js";
import { STATUS } from "./fake_view.js";

function stateOf(change: Partial<Volatile>, postgres: Partial<Volatile["postgres"]> = {}): State {
  const state = freshState();
  const { volatile } = state;
  return { ...state, volatile: { ...volatile, ...change, postgres: { ...volatile.postgres, ...postgres } } };
}

/** Only what a look at it asks for. */
function leading(stage: Leading["stage"], term = 3n): Leading {
  const parts: Partial<Leading> = {
    term,
    stage,
    history: null,
    startedMs: 0,
    quorumLsn: 0n,
    senders: {},
    obliged: [],
    change: null,
    names: "",
  };
  return parts as Leading;
}

const UP = { process: "running", door: "open" } as const;
const STILL = { position: { timeline: 2n, lsn: 1n }, rulesets: [] };
const DIALLED = { leader: "n2", term: 3n, dialledMs: 0 };

/** What it may be sent: w for writers, r for readers. */
function serves(state: State, observedAgoMs = 0): string {
  const { own } = viewOf(state, observedAgoMs, () => {
    throw new Error("nobody asked for the cluster");
  });
  return `${servesWrites(own) ? "w" : "-"}${servesReads(own) ? "r" : "-"}`;
}

function peer(status: Partial<NodeStatus>): Peer {
  return {
    ...{ heardMs: 0, connected: true, lost: null, electingSinceMs: 0, seen: null, forgot: false },
    status: { ...STATUS, node: "n2", ...status },
  };
}

describe("what a node may be sent, by the state of its core", () => {
  test.each(["promoting", "writing", "establishing", "established"] as const)("a leader that is %s", (stage) => {
    expect(serves(stateOf({ leading: leading(stage) }, UP))).toBe(stage === "established" ? "w-" : "--");
  });

  test("an established leader whose door is shut, whose Postgres is gone, or was not seen for long", () => {
    const office = { leading: leading("established") };
    expect(serves(stateOf(office, { ...UP, door: "shut" }))).toBe("--");
    expect(serves(stateOf(office, { ...UP, process: "stopped" }))).toBe("--");
    expect(serves(stateOf(office, UP), 60_000)).toBe("--");
    expect(serves(stateOf({ ...office, stopping: true }, UP))).toBe("--");
  });

  test("a leader whose door is about to be shut for another one", () => {
    const office = { leading: leading("established") };
    const order = (stage: Mandate["stage"]): Partial<Volatile> => ({
      mandate: {
        ...{ kind: "switchover", stage, call: "c", to: "n2", from: "n1", term: 3n, cause: "a test" },
        ...{ sinceMs: 0, untilMs: 1000, looks: 0 },
      },
    });
    expect(serves(stateOf({ ...office, ...order("waiting") }, UP))).toBe("w-");
    expect(serves(stateOf({ ...office, ...order("draining") }, UP))).toBe("--");
  });

  test("an established leader that has heard of a leader of a higher term", () => {
    const known = (term: bigint) => ({
      leading: leading("established"),
      peers: { n2: peer({ role: "leader", term }) },
    });
    expect(serves(stateOf(known(2n), UP))).toBe("w-");
    expect(serves(stateOf(known(4n), UP))).toBe("--");
  });

  test("a standby: one that was told to follow, or stands still; never what may still be a primary", () => {
    expect(serves(stateOf({}, { ...UP, receiver: DIALLED }))).toBe("-r");
    expect(serves(stateOf({}, { ...UP, still: STILL }))).toBe("-r");
    expect(serves(stateOf({}, UP))).toBe("--");
    expect(serves(stateOf({}, { ...UP, receiver: DIALLED, door: "shut" }))).toBe("--");
    expect(serves(stateOf({ leading: leading("promoting") }, { ...UP, still: STILL }))).toBe("--");
  });
});
