import type { Snapshot } from "../../src/agent/snapshot.js";
import type { NodeStatus } from "../../src/core/messages.js";
import { NEVER_PAUSED } from "../../src/core/orders.js";
import type { Own, View } from "../../src/http/view.js";

/** A node of a cluster of three as plain values: n1 leads term 3, the others stream. */

export const STATUS: NodeStatus = {
  ...{ node: "n1", incarnation: "n1-a", boot: "b", systemIdentifier: "7000000000000000001", initial: "", promise: 3n },
  ...{ promises: [], seen: [], change: null, enforced: null, pause: NEVER_PAUSED },
  ...{ role: "leader", term: 3n, leader: "n1", established: true, checkpointed: true },
  ...{ streaming: false, voter: true, whyNot: null },
  ...{ postgres: "running", ledUntil: 0n, fencedUntil: 0n, suspects: 0n, electing: 0n, awayMs: 0, awaitsMs: 0 },
  ...{ flushLsn: 0x3000400n, replayLsn: null, quorumLsn: 0x3000300n, blocked: null, leaseAsk: null, leaseGrant: null },
  position: { timeline: 3n, lsn: 0x3000400n },
  rulesets: [
    {
      number: { term: 3n, subterm: 0 },
      state: "proposed",
      writtenBy: "n1",
      ruleset: {
        policy: { kind: "majority" },
        cohort: ["n1", "n2", "n3"].map((id) => ({ id, incarnation: `${id}-a`, labels: {}, eligible: true })),
      },
    },
  ],
  facts: {
    ...{ postgresVersion: "15.18", host: "10.0.0.1", postgresPort: 5432, labels: { zone: "a" }, sidecarPid: 1 },
    ...{ postmasterPid: 2, dataDir: "/data", phases: null, rejoin: null },
  },
};

const LEADS: Own = {
  ...{ id: "n1", leads: true, alive: true, doorOpen: true, standby: false, status: STATUS, leaseLeftMs: null },
  history: {
    timeline: 3n,
    ancestors: [
      { timeline: 1n, end: 0x2000000n },
      { timeline: 2n, end: 0x3000000n },
    ],
  },
};

const FOLLOWS: Own = {
  ...LEADS,
  ...{ id: "n2", leads: false, standby: true },
  status: {
    ...STATUS,
    ...{ node: "n2", role: "follower", established: false, checkpointed: false, streaming: true, quorumLsn: null },
    ...{ flushLsn: 0x3000300n, replayLsn: 0x3000200n },
  },
};

type Row = Snapshot["nodes"][number];

export function row(id: string, change: Partial<Row> = {}): Row {
  const leads = id === "n1";
  return {
    ...{ id, role: leads ? "leader" : "follower", reachable: true, postgres: "running", version: "15.18" },
    ...{ host: `10.0.0.${id.slice(1)}`, port: 5432, labels: {}, term: 3, timeline: 3, promise: 3 },
    ...{ flush_lsn: leads ? "0/3000400" : "0/3000300", replay_lsn: leads ? null : "0/3000200" },
    ...{ lag_bytes: leads ? 0 : 256, ack_age_ms: leads ? null : 40, seen_age_ms: leads ? 0 : 100 },
    ...{ streaming: !leads, voter: true, eligible: true, why_not: null, sidecar_pid: 1, postmaster_pid: 2 },
    ...{ data_dir: "/data", phases: null, rejoin: null },
    ...change,
  } as Row;
}

export const CLUSTER: Snapshot = {
  ...{ schema: "quorate.status/1", cluster: "shop", system_identifier: "7000000000000000001", term: 3, leader: "n1" },
  ...{ established: true, paused: false, pause: { number: 0, by: null }, quorum_lsn: "0/3000300" },
  ruleset: { number: [3, 0], decided: true, policy: "majority", cohort: ["n1", "n2", "n3"] },
  ...{ enforced_by: "native", survives: [["n2"], ["n3"]], enforced: null, change: null, spare: [["n2"], ["n3"]] },
  ...{ timeline: { id: 3, parent: 2, switch_lsn: "0/3000100" }, lease: null, blocked: null, uri: null },
  nodes: ["n1", "n2", "n3"].map((id) => row(id)),
};

export function view(own: Own, cluster: Partial<Snapshot> = {}): View {
  return { own, cluster: () => ({ ...CLUSTER, ...cluster }) };
}

export function leader(change: Partial<Own> = {}, cluster: Partial<Snapshot> = {}): View {
  return view({ ...LEADS, ...change }, cluster);
}

export function follower(change: Partial<Own> = {}, cluster: Partial<Snapshot> = {}): View {
  return view({ ...FOLLOWS, ...change }, cluster);
}

/** Promised to somebody, and standing still: in recovery, but nobody's follower. */
export function stillStandby(): View {
  const status: NodeStatus = { ...FOLLOWS.status, role: "none", term: 0n, leader: null, streaming: false };
  return follower({ status }, { leader: null, established: false });
}
