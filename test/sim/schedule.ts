import type { FaultKind, SimConfig } from "./config.js";
import { FAULT_KINDS } from "./config.js";
import { drawOrders, type Order } from "./orders.js";
import { Rng } from "./prng.js";

/**
 * What happens to the cluster from outside, each with its time: a list, so that a run can be shrunk by leaving
 * things out. An action carries its own end (`forUs`), so it can be left out alone. Nodes are counted from 0; LEADER is
 * whoever leads when its time comes, or some node if nobody does.
 */
export const LEADER = -1;

export type Action =
  | {
      readonly at: number;
      readonly kind: "machine_dies" | "sidecar_dies" | "postgres_dies" | "shutdown";
      readonly node: number;
      readonly forUs: number;
    }
  | {
      readonly at: number;
      readonly kind: "dies_at_effect";
      readonly node: number;
      readonly effects: number;
      readonly what: "machine" | "sidecar";
      readonly forUs: number;
    }
  | { readonly at: number; readonly kind: "all_die"; readonly forUs: number; readonly spreadUs: number }
  | {
      readonly at: number;
      readonly kind: "pause" | "pause_sidecar" | "disk_hangs" | "disk_fails" | "replay_stalls";
      readonly node: number;
      readonly forUs: number;
    }
  | {
      readonly at: number;
      readonly kind: "slow";
      readonly node: number;
      readonly factor: number;
      readonly forUs: number;
    }
  /** Bit masks, or LEADER: everything from a node of `from` to a node of `to` is cut, in that direction only. */
  | {
      readonly at: number;
      readonly kind: "cut";
      readonly what: "all" | "wal" | "sidecars";
      readonly from: number;
      readonly to: number;
      readonly forUs: number;
    }
  | { readonly at: number; readonly kind: "clog"; readonly from: number; readonly to: number; readonly forUs: number }
  | {
      readonly at: number;
      readonly kind: "data_lost" | "wiped" | "state_torn";
      readonly node: number;
      readonly forUs: number;
    }
  | { readonly at: number; readonly kind: "restored"; readonly node: number; readonly forUs: number }
  | { readonly at: number; readonly kind: "slot_lost"; readonly node: number }
  | { readonly at: number; readonly kind: "cancel" }
  | { readonly at: number; readonly kind: "write" | "read"; readonly client: number }
  /** An operator asks `node` for other rules; `draw` decides what exactly, given the rules there are then. */
  | {
      readonly at: number;
      readonly kind: "change";
      readonly node: number;
      readonly what: ChangeKind;
      readonly draw: number;
      readonly waitMs: number;
    }
  | Order;

export const CHANGE_KINDS = [
  "policy",
  "grow",
  "shrink",
  "swap",
  "remove_leader",
  "eligibility",
  "disjoint",
  "anything",
] as const;
export type ChangeKind = (typeof CHANGE_KINDS)[number];

/** Draws the schedule of a seed. */
export function drawSchedule(config: SimConfig): Action[] {
  const actions: Action[] = [];
  for (const kind of FAULT_KINDS) {
    const rng = new Rng(config.seed, `fault ${kind}`);
    for (let i = 0; i < config.faults[kind]; i++) actions.push(...drawFault(kind, rng, config));
  }
  const clients = new Rng(config.seed, "clients");
  for (let i = 0; i < config.writes; i++)
    actions.push({ at: clients.below(config.chaosUs), kind: "write", client: clients.below(4) });
  for (let i = 0; i < config.reads; i++)
    actions.push({ at: clients.below(config.chaosUs), kind: "read", client: clients.below(4) });
  actions.push(...drawChanges(config), ...drawOrders(config));
  return actions.sort((a, b) => a.at - b.at);
}

function drawChanges({ seed, changes, chaosUs, nodes, detectMs }: SimConfig): Action[] {
  const rng = new Rng(seed, "changes");
  return Array.from({ length: changes }, () => ({
    at: rng.below(chaosUs),
    kind: "change" as const,
    node: rng.below(6) === 0 ? rng.below(nodes) : LEADER,
    what: rng.pick(CHANGE_KINDS),
    draw: rng.below(2 ** 30),
    waitMs: rng.below(2) === 0 ? 0 : rng.below(4 * detectMs),
  }));
}

function drawFault(kind: FaultKind, rng: Rng, config: SimConfig): Action[] {
  const { nodes, detectMs, chaosUs } = config;
  const detectUs = detectMs * 1000;
  const at = rng.below(chaosUs);
  const node = rng.below(5) < 2 ? LEADER : rng.below(nodes);
  const forUs = rng.between(1_000, detectUs * rng.pick([1, 3, 6]));
  const some = () => 1 + rng.below(2 ** nodes - 2);
  const all = 2 ** nodes - 1;
  switch (kind) {
    case "machine_dies":
    case "sidecar_dies":
    case "postgres_dies":
    case "shutdown":
      return [{ at, kind, node, forUs }];
    case "dies_at_effect":
      return [{ at, kind, node, effects: rng.below(30), what: rng.pick(["machine", "sidecar"] as const), forUs }];
    case "all_die":
      return [{ at, kind, forUs, spreadUs: rng.below(detectUs) }];
    case "pause":
    case "pause_sidecar":
    case "disk_hangs":
    case "disk_fails":
    case "replay_stalls":
      return [{ at, kind, node, forUs }];
    case "slow":
      return [{ at, kind, node, factor: rng.between(2, 30), forUs }];
    case "cut":
      return [{ at, kind: "cut", what: "all", from: maskOf(node), to: 1 << rng.below(nodes), forUs }];
    case "cut_wal":
      return [{ at, kind: "cut", what: "wal", from: maskOf(node), to: some(), forUs }];
    case "cut_sidecars":
      return [{ at, kind: "cut", what: "sidecars", from: maskOf(node), to: some(), forUs }];
    case "isolate":
      return [
        { at, kind: "cut", what: "all", from: maskOf(node), to: all, forUs },
        { at, kind: "cut", what: "all", from: all, to: maskOf(node), forUs: rng.below(3) === 0 ? 1 : forUs },
      ];
    case "split": {
      const side = some();
      return [
        { at, kind: "cut", what: "all", from: side, to: all ^ side, forUs },
        { at, kind: "cut", what: "all", from: all ^ side, to: side, forUs },
      ];
    }
    case "flap": {
      const to = some();
      return Array.from({ length: 4 }, (_, i) => ({
        at: at + i * forUs,
        kind: "cut" as const,
        what: "all" as const,
        from: maskOf(node),
        to,
        forUs: Math.floor(forUs / 2),
      }));
    }
    case "clog":
      return [{ at, kind, from: maskOf(node), to: some(), forUs }];
    case "data_lost":
    case "wiped":
    case "state_torn":
    case "restored":
      return [{ at, kind, node, forUs }];
    case "slot_lost":
      return [{ at, kind, node }];
    case "cancel":
      return [{ at, kind }];
  }
}

/** A set of nodes as bits; LEADER stays what it is. */
function maskOf(node: number): number {
  return node === LEADER ? LEADER : 1 << node;
}
