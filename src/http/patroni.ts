/**
 * Bodies in the shape of Patroni's, so that what reads those reads ours. What only we have stands under `quorate`.
 * https://patroni.readthedocs.io/en/latest/rest_api.html
 */
import type { Snapshot } from "../agent/snapshot.js";
import type { Leadership } from "../core/leaderships.js";
import type { Ancestor, History } from "../core/log/history.js";
import type { Lsn } from "../core/log/lsn.js";
import { parseLsn } from "../core/log/lsn.js";
import type { NodeStatus } from "../core/messages.js";
import type { NodeId } from "../core/ruleset/ruleset.js";
import type { PendingSetting } from "../core/settings_seen.js";
import { servesReads, servesWrites } from "./health.js";
import type { Own, View } from "./view.js";

export interface PatroniOptions {
  readonly self: NodeId;
  readonly cluster: string;
  /** Of Quorate. */
  readonly version: string;
  /** Where a node's own HTTP endpoint is; null if it serves none. */
  readonly apiUrlOf: (id: NodeId) => string | null;
}

/** What the cluster's own table says of the beginning of a term. */
export type TermBegun = Pick<Leadership, "term" | "leader" | "cause" | "at">;

type Row = Snapshot["nodes"][number];

const STATES = {
  running: "running",
  starting: "starting",
  stopped: "stopped",
  cloning: "creating replica",
  rewinding: "running pg_rewind",
  failed: "start failed",
} as const satisfies Record<NodeStatus["postgres"], string>;

/** `/patroni`, and the body of every health check that is asked for with GET. */
export function memberBody(view: View, { cluster, version }: PatroniOptions): object {
  const { own } = view;
  const { status } = own;
  const seen = view.cluster();
  return {
    state: own.alive ? "running" : status.postgres === "running" ? "unknown" : STATES[status.postgres],
    role: servesWrites(own) ? "primary" : own.standby ? "replica" : "uninitialized",
    server_version: versionNumber(status.facts.postgresVersion),
    xlog: xlogOf(own),
    timeline: Number(status.position.timeline),
    ...(status.streaming ? { replication_state: "streaming" } : {}),
    replication: servesWrites(own) ? replicationOf(seen) : [],
    cluster_unlocked: seen.leader === null || !seen.established,
    ...(Object.keys(status.facts.labels).length === 0 ? {} : { tags: status.facts.labels }),
    database_system_identifier: status.systemIdentifier,
    ...pendingRestart(status.settings?.pending ?? []),
    patroni: { version, scope: cluster, name: own.id },
    quorate: {
      role: status.role,
      term: Number(status.term),
      promise: Number(status.promise),
      established: status.established,
      serves_writes: servesWrites(own),
      serves_reads: servesReads(own),
      voter: status.voter,
      why_not: status.whyNot,
      quorum_lsn: seen.quorum_lsn,
      blocked: seen.blocked,
    },
  };
}

/** Left out where nothing waits, as there. */
function pendingRestart(pending: readonly PendingSetting[]): object {
  if (pending.length === 0) return {};
  const reasons = pending.map(({ name, from, to }) => [name, { old_value: from, new_value: to }] as const);
  return { pending_restart: true, pending_restart_reason: Object.fromEntries(reasons) };
}

function xlogOf({ status, leads }: Own): object {
  if (leads) return { location: bytes(status.flushLsn) };
  // Replay is paused by a recruitment alone, for as long as it takes.
  return {
    received_location: bytes(status.flushLsn),
    replayed_location: bytes(status.replayLsn),
    replayed_timestamp: null,
    paused: false,
  };
}

function replicationOf({ nodes }: Snapshot): object[] {
  return nodes
    .filter(({ role, streaming }) => role === "follower" && streaming)
    .map(({ id, host, voter }) => ({
      application_name: id,
      client_addr: host,
      state: "streaming",
      sync_state: voter ? "quorum" : "async",
    }));
}

/** `/cluster`: every node, the unreachable ones too. */
export function clusterBody(view: View, { cluster, apiUrlOf }: PatroniOptions): object {
  const seen = view.cluster();
  const end = seen.nodes.find(({ id }) => id === seen.leader)?.flush_lsn ?? null;
  return {
    members: seen.nodes.map((node) => {
      const url = apiUrlOf(node.id);
      return {
        name: node.id,
        role: roleOf(node, seen),
        state: stateOf(node, view),
        ...(url === null ? {} : { api_url: url }),
        host: node.host,
        port: node.port,
        ...(node.timeline === null ? {} : { timeline: node.timeline }),
        ...(Object.keys(node.labels).length === 0 ? {} : { tags: node.labels }),
        ...pendingRestart(node.pending_restart ?? []),
        ...(node.id === seen.leader ? {} : lagOf(node, end)),
      };
    }),
    scope: cluster,
    ...(seen.paused ? { pause: true } : {}),
  };
}

function roleOf(node: Row, { leader, established, ruleset }: Snapshot): string {
  if (node.id === leader && established) return "leader";
  const listed = node.streaming && node.voter && ruleset?.cohort.includes(node.id) === true;
  return listed && leader !== null ? "quorum_standby" : "replica";
}

function stateOf(node: Row, { own }: View): string {
  if (node.postgres === null) return "unknown";
  if (node.id === own.id && node.postgres === "running" && !own.alive) return "unknown";
  return node.postgres === "running" && node.streaming ? "streaming" : STATES[node.postgres];
}

function lagOf(node: Row, end: string | null): object {
  const behind = (lsn: string | null) =>
    end === null || lsn === null ? "unknown" : Math.max(0, Number(parseLsn(end) - parseLsn(lsn)));
  return {
    receive_lsn: node.flush_lsn ?? "unknown",
    receive_lag: behind(node.flush_lsn),
    replay_lsn: node.replay_lsn ?? "unknown",
    replay_lag: behind(node.replay_lsn),
    lsn: node.replay_lsn ?? "unknown",
    lag: behind(node.replay_lsn),
  };
}

/** `/history`: for each change of leadership the timeline that ended, where (in bytes), why, when, and who led the next one. */
export function historyBody(history: History | null, begun: readonly TermBegun[]): readonly (readonly unknown[])[] {
  if (history === null) return [];
  const next = (index: number) => history.ancestors[index + 1]?.timeline ?? history.timeline;
  return history.ancestors.map(({ timeline, end }: Ancestor, index) => {
    const term = Number(next(index));
    const known = begun.find((entry) => entry.term === term);
    const entry = [Number(timeline), Number(end), known?.cause ?? `term ${term} began`];
    return known === undefined ? entry : [...entry, known.at, known.leader];
  });
}

/** Exact up to 2^53 bytes of WAL, as in every program that reads JSON numbers. */
function bytes(lsn: Lsn | null): number | null {
  return lsn === null ? null : Number(lsn);
}

/** `15.18` as Postgres' own `server_version_num`; null if it is not known. */
export function versionNumber(text: string | null): number | null {
  const [, major, minor] = /^(\d+)(?:\.(\d+))?/.exec(text ?? "") ?? [];
  return major === undefined ? null : Number(major) * 10_000 + Number(minor ?? 0);
}
