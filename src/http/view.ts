/**
 * What the HTTP endpoints answer from: the state of this node's core, looked at through its loop. A plain value; nothing
 * is decided by it.
 */
import type { Snapshot } from "../agent/snapshot.js";
import { knownLeader } from "../core/detector/detector.js";
import { isHandingOver } from "../core/leader/hands_over.js";
import { mustFenceWithinMs } from "../core/lease/lease.js";
import type { History } from "../core/log/history.js";
import type { NodeStatus } from "../core/messages.js";
import type { NodeId } from "../core/ruleset/ruleset.js";
import type { State } from "../core/state.js";
import { statusOf } from "../core/status.js";

/** This node, with what others are not told of it. */
export interface Own {
  readonly id: NodeId;
  /** The established leader of the highest term that it knows of, not being stopped, its lease (if there are any) valid. */
  readonly leads: boolean;
  /** Its Postgres runs, and was seen to answer lately. */
  readonly alive: boolean;
  /** Clients are let in. */
  readonly doorOpen: boolean;
  /** Its Postgres is in recovery for certain: told to follow, or seen to stand still. */
  readonly standby: boolean;
  /** What it tells the others. */
  readonly status: NodeStatus;
  /** Time left in which an established leader may serve without another grant, in ms; null where there are no leases. */
  readonly leaseLeftMs: number | null;
  /** Of the term it leads or follows; null while it knows none. */
  readonly history: History | null;
}

export interface View {
  readonly own: Own;
  /** The cluster as `quorate status` shows it; worked out when it is asked for. */
  readonly cluster: () => Snapshot;
}

/** `stuck`: the loop does not turn, and what it knew may be long over. */
export type Look = { readonly kind: "seen"; readonly view: View } | { readonly kind: "stuck"; readonly reason: string };

export interface StatusSource {
  look(): Promise<Look>;
}

/** A leader that hears nothing of its Postgres for so long does not send clients there, in ms. */
export function observedMaxMs(state: State): number {
  const { observeIdleMs, detectMs } = state.config.timings;
  return observeIdleMs + 2 * detectMs;
}

/** `observedAgoMs`: since Postgres was last seen to answer, in ms. */
export function viewOf(state: State, observedAgoMs: number, cluster: () => Snapshot): View {
  const { leading, following, postgres, stopping, nowMs } = state.volatile;
  const leaseMs = mustFenceWithinMs(state, nowMs);
  const leaseLeftMs = leading?.stage === "established" && Number.isFinite(leaseMs) ? leaseMs : null;
  const known = knownLeader(state);
  const { self } = state.config;
  return {
    own: {
      id: self,
      leads:
        leading?.stage === "established" &&
        !stopping &&
        known?.leader === self &&
        (leaseLeftMs === null || leaseLeftMs > 0),
      alive: postgres.process === "running" && observedAgoMs <= observedMaxMs(state),
      // Shut for another leader before Postgres has said so.
      doorOpen: postgres.door === "open" && !isHandingOver(state),
      standby: leading === null && (postgres.receiver !== null || postgres.still !== null),
      status: statusOf(state),
      leaseLeftMs,
      history: leading?.history ?? following?.ready?.history ?? null,
    },
    cluster,
  };
}
