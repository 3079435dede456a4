/** What is the case now, for Prometheus: worked out from the same view as the health endpoints when somebody asks. */
import { Counter, Gauge, Registry } from "prom-client";
import { satisfiedAll } from "../core/quorum/policy.js";
import { inForce } from "../core/ruleset/in_force.js";
import { servesReads, servesWrites } from "./health.js";
import type { Look, View } from "./view.js";

export interface GaugeOptions {
  readonly cluster: string;
  readonly node: string;
  readonly version: string;
  readonly nodeVersion: string;
}

/** Of the process, in seconds and bytes: not sampled, so that they cost nothing between two scrapes. */
export interface ProcessFigures {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  readonly startedUnixSeconds: number;
}

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [name: string, help: string, value: number | null, labels?: Labels];

/** Gauges that are unknown now are left out: a zero would be a claim. */
export async function gaugesText(look: Look, figures: ProcessFigures, options: GaugeOptions): Promise<string> {
  const { cluster, node, version, nodeVersion } = options;
  const registry = new Registry();
  registry.setDefaultLabels({ cluster, node });
  const fresh = look.kind === "seen";
  const samples: readonly Sample[] = [
    ["quorate_build_info", "Versions of this sidecar", 1, { version, node_version: nodeVersion }],
    ["quorate_loop_fresh", "1 if the sidecar's loop turns; without it nothing below is known", flag(fresh)],
    ["process_resident_memory_bytes", "Resident memory of the sidecar", figures.residentBytes],
    ["process_start_time_seconds", "When the sidecar started, in seconds since 1970", figures.startedUnixSeconds],
    ...(look.kind === "seen"
      ? [...ownSamples(look.view), ...rejoinSamples(look.view), ...clusterSamples(look.view)]
      : []),
  ];
  const name = "process_cpu_seconds_total";
  const help = "Processor time of the sidecar, user and system";
  new Counter({ name, help, registers: [registry] }).inc(figures.cpuSeconds);
  const gauges = new Map<string, Gauge<string>>();
  for (const [gaugeName, text, value, labels = {}] of samples) {
    if (value === null) continue;
    let gauge = gauges.get(gaugeName);
    if (gauge === undefined) {
      gauge = new Gauge({ name: gaugeName, help: text, labelNames: Object.keys(labels), registers: [registry] });
      gauges.set(gaugeName, gauge);
    }
    gauge.set(labels, value);
  }
  return registry.metrics();
}

function ownSamples({ own }: View): readonly Sample[] {
  const { status } = own;
  return [
    ["quorate_postgres_up", "1 if the local Postgres runs and was seen to answer lately", flag(own.alive)],
    ["quorate_primary", "1 if clients that write may be sent here: what /primary says", flag(servesWrites(own))],
    ["quorate_replica", "1 if clients that read may be sent here: what /replica says", flag(servesReads(own))],
    [
      "quorate_postgres_pending_restart",
      "Settings of the local Postgres that wait for its restart; status names them",
      status.settings?.pending.length ?? 0,
    ],
    ["quorate_streaming", "1 if this node receives WAL from the leader of its term", flag(status.streaming)],
    ["quorate_voter", "0 if this node has lost data that may have counted, and does not vote", flag(status.voter)],
    ["quorate_term", "Term that this node leads or follows, 0 for neither", Number(status.term)],
    ["quorate_promised_term", "No agent of a lower term gets anything from this node", Number(status.promise)],
    ["quorate_timeline", "Timeline of this node's last record", Number(status.position.timeline)],
    ["quorate_flush_lsn_bytes", "End of the flushed WAL", lsn(status.flushLsn)],
    ["quorate_replay_lsn_bytes", "End of the replayed WAL of a standby", lsn(status.replayLsn)],
    ["quorate_quorum_lsn_bytes", "End of the WAL that a quorum has, of an established leader", lsn(status.quorumLsn)],
    [
      "quorate_quorum_lag_bytes",
      "WAL of an established leader that no quorum has yet",
      status.quorumLsn === null || status.flushLsn === null
        ? null
        : Math.max(0, Number(status.flushLsn - status.quorumLsn)),
    ],
    [
      "quorate_lease_seconds",
      "Time left of a leader's lease",
      own.leaseLeftMs === null ? null : own.leaseLeftMs / 1000,
    ],
  ];
}

/** A clone or a rewind of this node's data; absent while there is none. */
function rejoinSamples({ own: { status } }: View): readonly Sample[] {
  const { rejoin } = status.facts;
  if (rejoin?.work == null || rejoin.percent === null) return [];
  const { method, work, percent } = rejoin;
  const labels = { method, source: work.source, phase: work.phase };
  return [
    ["quorate_rejoin_ratio", "How much of a clone or a rewind is done, 0 to 1", percent / 100, labels],
    ["quorate_rejoin_bytes", "Copied by the clone or the rewind under way", work.bytes, labels],
    ["quorate_rejoin_total_bytes", "What there is to copy, as Postgres estimates it", work.totalBytes, labels],
    ["quorate_rejoin_bytes_per_second", "How fast it is copied now", work.bytesPerS, labels],
    ["quorate_rejoin_left_seconds", "How long the copying takes still, at that pace", seconds(work.leftMs), labels],
    ["quorate_rejoin_attempt", "1, and one more for each that failed within the last hour", work.attempt, labels],
  ];
}

function clusterSamples(view: View): readonly Sample[] {
  const seen = view.cluster();
  const { ruleset, blocked } = seen;
  const leads = view.own.leads;
  return [
    [
      "quorate_leader_known",
      "1 if this node sees an established leader",
      flag(seen.leader !== null && seen.established),
    ],
    ["quorate_ruleset_term", "First part of the number of the newest ruleset", ruleset?.number[0] ?? null],
    ["quorate_ruleset_subterm", "Second part of the number of the newest ruleset", ruleset?.number[1] ?? null],
    ["quorate_ruleset_decided", "1 if the newest ruleset is decided", ruleset === null ? null : flag(ruleset.decided)],
    [
      "quorate_policy_satisfied",
      "1 if those who stream now are a quorum; of a leader",
      leads ? quorumStreams(view) : null,
    ],
    [
      "quorate_failures_tolerated",
      "Nodes that may be lost now without losing the cluster; of a leader",
      leads ? (seen.survives[0]?.length ?? 0) : null,
    ],
    ["quorate_blocked", "1 if something that should happen cannot; status says what", flag(blocked !== null)],
    ...seen.nodes
      .filter(({ id }) => id !== view.own.id)
      .flatMap((node): Sample[] => {
        const labels = { member: node.id };
        return [
          ["quorate_member_reachable", "1 if the member's sidecar is heard", flag(node.reachable), labels],
          ["quorate_member_voter", "1 if the member's vote counts", flag(node.voter), labels],
          ["quorate_member_seen_age_seconds", "Since the member was heard", seconds(node.seen_age_ms), labels],
          ["quorate_member_lag_bytes", "WAL of the leader that the member has not flushed", node.lag_bytes, labels],
          [
            "quorate_member_ack_age_seconds",
            "Since the position that the member acknowledged last changed; of a leader",
            seconds(node.ack_age_ms),
            labels,
          ],
        ];
      }),
  ];
}

/** The same question as everywhere else (I6): do the leader and those that stream from it hold a copy together? */
function quorumStreams({ own, cluster }: View): number {
  const rules = inForce(own.status.rulesets);
  if (rules === undefined) return 0;
  const streaming = cluster()
    .nodes.filter((node) => node.reachable && node.streaming && node.voter && node.term === Number(own.status.term))
    .map(({ id }) => id);
  return flag(satisfiedAll(rules.obliged, own.id, new Set([own.id, ...streaming])));
}

function flag(yes: boolean): number {
  return yes ? 1 : 0;
}

function seconds(ms: number | null): number | null {
  return ms === null ? null : ms / 1000;
}

function lsn(value: bigint | null): number | null {
  return value === null ? null : Number(value);
}
