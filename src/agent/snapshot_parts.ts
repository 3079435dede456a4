/** Parts of a snapshot that need nothing but themselves. */

import { leaseOf } from "../core/lease/lease.js";
import { formatLsn } from "../core/log/lsn.js";
import type { NodeStatus } from "../core/messages.js";
import type { RejoinWork } from "../core/rejoin_facts.js";
import type { State } from "../core/state.js";
import type { KnownPlace } from "./snapshot.js";

export function phasesJson(status: NodeStatus | null) {
  const phases = status?.facts.phases;
  if (phases == null) return null;
  return {
    term: Number(phases.term),
    started_unix_ms: phases.startedUnixMs,
    detect_ms: phases.detectMs,
    recruit_ms: phases.recruitMs,
    promote_ms: phases.promoteMs,
    establish_ms: phases.establishMs,
  };
}

export function rejoinJson(status: NodeStatus | null) {
  const rejoin = status?.facts.rejoin;
  return rejoin == null
    ? null
    : {
        ...{ term: Number(rejoin.term), method: rejoin.method, ms: rejoin.ms, percent: rejoin.percent },
        work: workJson(rejoin.work),
      };
}

function workJson(work: RejoinWork | null) {
  if (work === null) return null;
  const { source, attempt, reason, phase, bytes, totalBytes, bytesPerS, leftMs } = work;
  return {
    ...{ source, attempt, reason, phase, bytes, total_bytes: totalBytes, bytes_per_s: bytesPerS },
    left_ms: leftMs === null ? null : Math.round(leftMs),
  };
}

/** Of a Postgres that nobody hears of it is not known. */
export function settingsJson(status: NodeStatus | null) {
  if (status === null) return { pending_restart: null, held_settings: null };
  const { pending = [], held = [] } = status.settings ?? {};
  return { pending_restart: pending.map((s) => ({ ...s })), held_settings: held.map((s) => ({ ...s })) };
}

/** What a restore to a point in time names (POSTGRES.md K): the timeline of the leader, and where it left which one. */
export function timelineJson({ volatile }: State, leader: NodeStatus | null) {
  const history = volatile.leading?.history ?? volatile.following?.ready?.history ?? null;
  if (leader === null || !leader.established || history?.timeline !== leader.term) return null;
  const parent = history.ancestors.at(-1);
  return {
    id: Number(history.timeline),
    parent: parent === undefined ? null : Number(parent.timeline),
    switch_lsn: parent === undefined ? null : formatLsn(parent.end),
  };
}

/** Only a leader knows how long it may serve. */
export function leaseJson(state: State) {
  const lease = leaseOf(state);
  return lease === null
    ? null
    : { left_ms: lease.leftMs === null ? null : Math.round(lease.leftMs), lacks: [...lease.lacks] };
}

/** https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-MULTIPLE-HOSTS */
export function uriOf(superuser: string, places: readonly KnownPlace[]): string {
  const hosts = places.map((p) => `${p.host.includes(":") ? `[${p.host}]` : p.host}:${p.postgresPort}`).join(",");
  return `postgresql://${encodeURIComponent(superuser)}@${hosts}/postgres?target_session_attrs=read-write`;
}
