/** The cluster as this node sees it: what `quorate status` prints (CONTRACT 2). Read-only; nothing is decided by it. */

import { isExpectedBack, knownLeader } from "../core/detector/detector.js";
import type { Lsn } from "../core/log/lsn.js";
import { formatLsn } from "../core/log/lsn.js";
import { TERM_NONE } from "../core/log/position.js";
import type { NodeStatus } from "../core/messages.js";
import { subsetsOfSize, suffices } from "../core/quorum/sufficiency.js";
import type { InForce } from "../core/ruleset/in_force.js";
import { inForce } from "../core/ruleset/in_force.js";
import type { NodeId, Policy } from "../core/ruleset/ruleset.js";
import { foundersNamed, memberOf } from "../core/ruleset/ruleset.js";
import type { State } from "../core/state.js";
import { statusOf } from "../core/status.js";
import { enoughToGoOn, spareFollowers } from "./enough.js";
import { leaseJson, phasesJson, rejoinJson, settingsJson, timelineJson, uriOf } from "./snapshot_parts.js";

/** A node of the configuration, for those that were never heard. */
export interface KnownPlace {
  readonly id: NodeId;
  readonly host: string;
  readonly postgresPort: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly dataDir: string;
}

export interface SnapshotOptions {
  readonly cluster: string;
  readonly places: readonly KnownPlace[];
  readonly superuser: string;
}

interface Seen {
  readonly status: NodeStatus | null;
  readonly ageMs: number | null;
  readonly reachable: boolean;
  readonly lost: string | null;
}

export function snapshot(state: State, options: SnapshotOptions) {
  const places = placesOf(state, options.places);
  const seen = everybody(state, places);
  const leader = officeHolder(state, seen);
  const rulesets = (leader ?? statusOf(state)).rulesets;
  const rules = inForce(rulesets);
  const term = leader?.term ?? highest(seen);
  return {
    schema: "quorate.status/1",
    cluster: options.cluster,
    system_identifier: leader?.systemIdentifier ?? state.durable.systemIdentifier,
    term: rules === undefined && leader === null ? null : Number(term),
    leader: leader?.node ?? null,
    established: leader?.established ?? false,
    paused: state.durable.pause.paused,
    pause: { number: state.durable.pause.number, by: state.durable.pause.by === "" ? null : state.durable.pause.by },
    quorum_lsn: lsnText(leader?.quorumLsn ?? null),
    ruleset: rules === undefined ? null : rulesetJson(rules),
    enforced_by: rules === undefined ? null : "native",
    survives: rules === undefined ? [] : survivable(rules, seen, state.durable.pause.paused),
    enforced: leader?.enforced ?? null,
    change: changeJson(leader),
    spare: rules === undefined || leader === null ? [] : spareFollowers(rules, leader.node, copying(rules, seen)),
    nodes: places.map((place) => nodeJson(state, place, seen.get(place.id), leader, rules)),
    timeline: timelineJson(state, leader),
    lease: leaseJson(state),
    blocked: blockedJson(state, seen, leader, rules),
    uri: rules === undefined ? null : uriOf(options.superuser, placed(rules, places, seen)),
  };
}

export type Snapshot = ReturnType<typeof snapshot>;

/** The nodes of the configuration, and those that came since: each said itself where it is. */
function placesOf(state: State, configured: readonly KnownPlace[]): KnownPlace[] {
  const others = Object.entries(state.volatile.peers).flatMap(([id, { status }]) => {
    if (status === null || configured.some((place) => place.id === id)) return [];
    const { host, postgresPort, labels, dataDir } = status.facts;
    return [{ id, host, postgresPort, labels, dataDir }];
  });
  return [...configured, ...others].sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** Where clients find a leader: the cohort, each at the place that it names itself. */
function placed(rules: InForce, places: readonly KnownPlace[], seen: Map<NodeId, Seen>): KnownPlace[] {
  const members = places.filter(({ id }) => memberOf(rules.newest, id) !== undefined);
  return members.map((place) => {
    const facts = seen.get(place.id)?.status?.facts;
    return facts === undefined ? place : { ...place, host: facts.host, postgresPort: facts.postgresPort };
  });
}

function changeJson(leader: NodeStatus | null) {
  if (leader?.change == null) return null;
  const { stage, number, cause, cohort, waitsFor } = leader.change;
  return {
    stage,
    number: number === null ? null : [Number(number.term), number.subterm],
    cause,
    cohort: [...cohort],
    waits_for: waitsFor === "" ? null : waitsFor,
  };
}

function everybody(state: State, places: readonly KnownPlace[]): Map<NodeId, Seen> {
  const all = new Map<NodeId, Seen>();
  const { volatile, config } = state;
  for (const { id } of places) {
    if (id === config.self) {
      all.set(id, { status: statusOf(state), ageMs: 0, reachable: true, lost: null });
      continue;
    }
    const peer = volatile.peers[id];
    const ageMs = peer?.status == null ? null : Math.max(0, Math.round(volatile.nowMs - peer.heardMs));
    const reachable = peer?.connected === true && ageMs !== null && ageMs < config.timings.detectMs;
    all.set(id, { status: peer?.status ?? null, ageMs, reachable, lost: peer?.lost ?? null });
  }
  return all;
}

function officeHolder(state: State, seen: Map<NodeId, Seen>): NodeStatus | null {
  const known = knownLeader(state);
  if (known === null) return null;
  const holder = seen.get(known.leader);
  if (holder === undefined || holder.status === null) return null;
  if (!holder.reachable && !isExpectedBack(state, known)) return null;
  return holder.status.role === "leader" && holder.status.term === known.term ? holder.status : null;
}

function highest(seen: Map<NodeId, Seen>): bigint {
  let term = TERM_NONE;
  for (const { status } of seen.values()) if (status !== null && status.promise > term) term = status.promise;
  return term;
}

function rulesetJson(rules: InForce) {
  return {
    number: [Number(rules.newestNumber.term), rules.newestNumber.subterm],
    decided: rules.newestDecided,
    policy: policyJson(rules.newest.policy),
    cohort: rules.newest.cohort.map((m) => m.id),
  };
}

function policyJson(policy: Policy) {
  switch (policy.kind) {
    case "majority":
      return "majority";
    case "at_least":
      return { at_least: policy.copies };
    case "per_leader":
      return { per_leader: policy.quorums };
  }
}

/** Members whose word counts now. */
function voting(rules: InForce, seen: Map<NodeId, Seen>): NodeId[] {
  const members = rules.newest.cohort.filter((m) => {
    const entry = seen.get(m.id);
    return entry?.reachable === true && entry.status?.voter === true && entry.status.incarnation === m.incarnation;
  });
  return members.map((m) => m.id);
}

/** Those of them that get every write. */
function copying(rules: InForce, seen: Map<NodeId, Seen>): NodeId[] {
  return voting(rules, seen).filter((id) => {
    const status = seen.get(id)?.status;
    return status?.role === "leader" || status?.streaming === true;
  });
}

/** The largest sets of nodes whose loss, now, leaves a cluster that goes on by itself. */
function survivable(rules: InForce, seen: Map<NodeId, Seen>, paused: boolean): NodeId[][] {
  const alive = copying(rules, seen);
  for (let size = alive.length - 1; size > 0; size--) {
    const sets = subsetsOfSize(alive, size).filter((lost) => {
      // While elections are paused nobody replaces a leader.
      if (paused && lost.some((id) => seen.get(id)?.status?.role === "leader")) return false;
      const left = new Set(alive.filter((id) => !lost.includes(id)));
      return [...left].some((candidate) => suffices(rules.obliged, left, candidate));
    });
    if (sets.length > 0) return sets;
  }
  return [];
}

function nodeJson(
  state: State,
  place: KnownPlace,
  entry: Seen | undefined,
  leader: NodeStatus | null,
  rules: InForce | undefined,
) {
  const status = entry?.status ?? null;
  const member = rules === undefined ? undefined : memberOf(rules.newest, place.id);
  const stranger = status !== null && member !== undefined && member.incarnation !== status.incarnation;
  const sender = state.volatile.leading?.senders[place.id];
  const reachable = entry?.reachable ?? false;
  const past = state.volatile.peers[place.id]?.forgot === true;
  // The leader's Postgres hears of a follower's position sooner than the sidecars tell one another.
  const told = status?.flushLsn ?? null;
  const flushLsn = sender !== undefined && (told === null || sender.flushLsn > told) ? sender.flushLsn : told;
  return {
    id: place.id,
    role: roleOf(reachable ? status : null, rules, member !== undefined && !stranger),
    reachable,
    // What an unreachable node's Postgres does is not known.
    postgres: reachable ? (status?.postgres ?? null) : null,
    version: status?.facts.postgresVersion ?? null,
    host: status?.facts.host ?? place.host,
    port: status?.facts.postgresPort ?? place.postgresPort,
    labels: { ...(status?.facts.labels ?? place.labels) },
    term: status === null ? null : Number(status.term),
    timeline: status === null ? null : Number(status.position.timeline),
    promise: status === null ? null : Number(status.promise),
    flush_lsn: lsnText(flushLsn),
    replay_lsn: lsnText(status?.replayLsn ?? null),
    lag_bytes: lag(leader, flushLsn),
    ack_age_ms: sender === undefined ? null : Math.max(0, Math.round(state.volatile.nowMs - sender.changedMs)),
    seen_age_ms: entry?.ageMs ?? null,
    streaming: status?.streaming ?? false,
    voter: status?.voter === true && !stranger && !past && (rules === undefined || member !== undefined),
    eligible: member?.eligible ?? true,
    why_not: stranger ? WIPED : past ? PAST : (status?.whyNot ?? (reachable ? null : silence(state, place.id, entry))),
    sidecar_pid: status?.facts.sidecarPid ?? null,
    postmaster_pid: reachable ? (status?.facts.postmasterPid ?? null) : null,
    data_dir: status?.facts.dataDir ?? place.dataDir,
    phases: phasesJson(status),
    rejoin: rejoinJson(status),
    ...settingsJson(reachable ? status : null),
    founds: status === null ? null : foundersNamed(status.initial),
  };
}

/** What is known of a node whose sidecar is not heard. */
function silence({ volatile }: State, id: NodeId, entry: Seen | undefined): string {
  const awayMs = entry?.status?.awayMs ?? 0;
  if (awayMs > 0)
    return `its sidecar is being restarted, and said that it would be back within ${Math.ceil(awayMs / 1000)} s; its Postgres goes on`;
  const { receiver, streaming } = volatile.postgres;
  const still = streaming && receiver?.leader === id ? "; its Postgres still sends WAL" : "";
  const lost = entry?.lost ?? (entry?.status == null ? "it has not been heard" : "nothing is heard of it");
  return `its sidecar is silent: ${lost}${still}`;
}

/** A node that no ruleset names as it is now follows like the others, and its copy never counts. */
function roleOf(status: NodeStatus | null, rules: InForce | undefined, named: boolean) {
  if (status === null) return "none";
  return status.role === "follower" && rules !== undefined && !named ? "observer" : status.role;
}

const WIPED =
  "it came back without the data and the promises it had (another incarnation): it has no vote until the leader has put it in its old place, by itself, once it has caught up";

const PAST =
  "it came back from the past (a restored snapshot): it has forgotten what it promised, and does not vote until it has caught up";

function lag(leader: NodeStatus | null, flushLsn: Lsn | null): number | null {
  if (leader?.flushLsn == null || flushLsn === null) return null;
  const behind = leader.flushLsn - flushLsn;
  return behind > 0n ? Number(behind) : 0;
}

function blockedJson(state: State, seen: Map<NodeId, Seen>, leader: NodeStatus | null, rules: InForce | undefined) {
  const own =
    state.volatile.blocked ??
    (leader?.established
      ? null
      : ([...seen.values()].find((s) => s.reachable && s.status?.blocked != null)?.status?.blocked ?? null));
  if (own === null) return null;
  const there = rules === undefined ? [] : leader === null ? voting(rules, seen) : copying(rules, seen);
  return {
    code: own.code,
    reason: own.reason,
    missing: [...own.missing],
    next_step: own.nextStep,
    enough: enoughToGoOn({ blocked: own, rules, leader: leader?.node ?? null, there: new Set(there) }),
  };
}

function lsnText(lsn: Lsn | null): string | null {
  return lsn === null ? null : formatLsn(lsn);
}
