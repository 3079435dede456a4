import { beginLease } from "../../src/core/lease/holding.js";
import type { NodeStatus } from "../../src/core/messages.js";
import type { Ruleset } from "../../src/core/ruleset/ruleset.js";
import type { Leading } from "../../src/core/state.js";
import { freshDurable, initialState } from "../../src/core/state.js";
import { statusOf } from "../../src/core/status.js";
import { timingsFrom } from "../../src/core/timings.js";
import { Turn } from "../../src/core/turn.js";

const DETECT_MS = 3000;

/** A node of three at a time of its own clock. */
export function nodeAt(self: string, nowMs: number): Turn {
  const nodes = ["n1", "n2", "n3"].map((id) => ({ id, labels: {} }));
  const durable = { ...freshDurable("shop", self, `${self}-a`), promise: { term: 2n, attempt: null } };
  const config = {
    ...{ self, boot: `${self}.1`, initial: { policy: { kind: "majority" as const }, nodes } },
    ...{ timings: timingsFrom(DETECT_MS, { leases: true }), host: self, postgresPort: 1, postgresVersion: null },
    ...{ dataDir: "data", sidecarPid: 1, unixOffsetMs: 0, admitObservers: false },
  };
  const turn = new Turn(initialState(config, durable, { present: true, oldKept: false }, nowMs - 1_000_000));
  turn.set({ nowMs });
  return turn;
}

export function leads(turn: Turn, askedMs: number): void {
  const cohort = ["n1", "n2", "n3"].map((id) => ({ id, incarnation: `${id}-a`, labels: {}, eligible: true }));
  const ruleset: Ruleset = { policy: { kind: "majority" }, cohort };
  const leading = { term: 2n, stage: "established", obliged: [ruleset], ruleset, change: null } as unknown as Leading;
  beginLease(turn, []);
  turn.set({ leading, lease: { ...turn.volatile.lease, askedMs } });
}

export function follows(turn: Turn): void {
  const following = { term: 2n, attempt: { node: "n9", nonce: "x" }, leader: "n1", ready: null, sinceMs: 0 };
  turn.set({ following });
}

export function asks(stampMs: number, change: Partial<NodeStatus> = {}): NodeStatus {
  const { leaseMs } = timingsFrom(DETECT_MS, { leases: true });
  return { ...statusOf(nodeAt("n1", 0).state()), role: "leader", term: 2n, leaseAsk: { stampMs, leaseMs }, ...change };
}
