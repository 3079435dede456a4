/**
 * The same facts under Patroni's metric names, for dashboards that exist: `/metrics?compat=patroni`. Names whose fact is
 * not known here are left out. https://patroni.readthedocs.io/en/latest/rest_api.html#monitoring-endpoint
 */
import { Gauge, Registry } from "prom-client";
import { servesReads, servesWrites } from "./health.js";
import { versionNumber } from "./patroni.js";
import type { View } from "./view.js";

/** Numbers that Patroni has fixed for ever for its states of a Postgres; `unknown` has none. */
const STATE_NUMBERS = { running: 5, starting: 6, stopped: 12, cloning: 4, rewinding: 9, failed: 8 } as const;

export async function patroniText(view: View, scope: string): Promise<string> {
  const registry = new Registry();
  const { own } = view;
  const { status } = own;
  const leads = servesWrites(own);
  const seen = view.cluster();
  const listed = servesReads(own) && status.streaming && status.voter;
  const gauge = (name: string, help: string, value: number | null) => {
    if (value === null) return;
    const metric = new Gauge({ name: `patroni_${name}`, help, labelNames: ["scope", "name"], registers: [registry] });
    metric.set({ scope, name: own.id }, value);
  };
  const lsn = (value: bigint | null) => (value === null ? 0 : Number(value));
  gauge("postgres_running", "1 if Postgres is running", Number(own.alive));
  gauge("primary", "1 if this node is the leader", Number(leads));
  gauge("standby_leader", "Quorate has no standby clusters", 0);
  gauge("replica", "1 if this node is a replica", Number(own.standby && own.alive));
  gauge("sync_standby", "Quorate's standbys are quorum standbys", 0);
  gauge("quorum_standby", "1 if this node's acknowledgements count", Number(listed));
  gauge("xlog_location", "Location of the WAL on the leader, 0 on a replica", leads ? lsn(status.flushLsn) : 0);
  gauge("xlog_received_location", "Received WAL of a replica, 0 on the leader", leads ? 0 : lsn(status.flushLsn));
  gauge("xlog_replayed_location", "Replayed WAL of a replica, 0 on the leader", leads ? 0 : lsn(status.replayLsn));
  gauge("postgres_streaming", "1 if Postgres is streaming", Number(status.streaming));
  gauge("postgres_server_version", "server_version_num", versionNumber(status.facts.postgresVersion));
  gauge("cluster_unlocked", "1 if there is no leader", Number(seen.leader === null || !seen.established));
  gauge("postgres_timeline", "Timeline of the last record", Number(status.position.timeline));
  const waits = (status.settings?.pending.length ?? 0) > 0;
  gauge("pending_restart", "1 if a setting waits for a restart of Postgres", Number(waits));
  gauge("is_paused", "1 if automatic failover is off", Number(seen.paused));
  gauge("postgres_state", "Numeric state of Postgres", own.alive ? STATE_NUMBERS.running : stateNumber(view));
  return registry.metrics();
}

function stateNumber({ own }: View): number | null {
  const { postgres } = own.status;
  // It says that it runs and does not answer: Patroni has no number for that.
  return postgres === "running" ? null : STATE_NUMBERS[postgres];
}
