import type { Blocked, ElectionPhases, NodeFacts, NodeStatus, PostgresState } from "../core/messages.js";
import { NEVER_PAUSED } from "../core/orders.js";
import { changeToCore, changeToWire, enforcedToCore, enforcedToWire } from "./change_codec.js";
import { EDGE_LIMITS } from "./edge_limits.js";
import {
  cut,
  enumPair,
  list,
  Malformed,
  milliseconds,
  nodeId,
  optionalLsn,
  orNull,
  position,
  present,
  systemIdentifier,
  term,
  text,
  token,
} from "./fields.js";
import type * as wire from "./gen/quorate/v1/cluster.js";
import { Role, PostgresState as WirePostgresState } from "./gen/quorate/v1/cluster.js";
import { askToCore, grantToCore } from "./lease_codec.js";
import { allSeenToCore, promisesToCore, seenToWire } from "./memory_codec.js";
import { pauseToCore, pauseToWire } from "./pause_codec.js";
import { rejoinToCore, rejoinToWire } from "./rejoin_codec.js";
import { labelsToCore, labelsToWire, recordsToCore, recordToWire } from "./ruleset_codec.js";
import { settingsToCore, settingsToWire } from "./settings_codec.js";

/** What a sidecar tells of its node, proto ↔ core. */

const ROLE = enumPair<NodeStatus["role"], Role>({
  leader: Role.ROLE_LEADER,
  follower: Role.ROLE_FOLLOWER,
  none: Role.ROLE_NONE,
});

const POSTGRES = enumPair<PostgresState, WirePostgresState>({
  running: WirePostgresState.POSTGRES_STATE_RUNNING,
  starting: WirePostgresState.POSTGRES_STATE_STARTING,
  stopped: WirePostgresState.POSTGRES_STATE_STOPPED,
  cloning: WirePostgresState.POSTGRES_STATE_CLONING,
  rewinding: WirePostgresState.POSTGRES_STATE_REWINDING,
  failed: WirePostgresState.POSTGRES_STATE_FAILED,
});

export function statusToWire(status: NodeStatus): wire.NodeStatus {
  return {
    node: status.node,
    incarnation: status.incarnation,
    boot: status.boot,
    systemIdentifier: status.systemIdentifier ?? undefined,
    initial: status.initial,
    promise: status.promise,
    promises: [...status.promises],
    role: ROLE.toWire(status.role),
    term: status.term,
    leader: status.leader ?? undefined,
    established: status.established,
    checkpointed: status.checkpointed,
    streaming: status.streaming,
    position: status.position,
    rulesets: status.rulesets.map(recordToWire),
    voter: status.voter,
    whyNot: status.whyNot === null ? undefined : cut(status.whyNot),
    postgres: POSTGRES.toWire(status.postgres),
    ledUntil: status.ledUntil,
    suspects: status.suspects,
    electing: status.electing,
    awayMs: status.awayMs,
    awaitsMs: status.awaitsMs,
    flushLsn: status.flushLsn ?? undefined,
    replayLsn: status.replayLsn ?? undefined,
    quorumLsn: status.quorumLsn ?? undefined,
    blocked: status.blocked === null ? undefined : blockedToWire(status.blocked),
    fencedUntil: status.fencedUntil,
    leaseAsk: status.leaseAsk ?? undefined,
    leaseGrant: status.leaseGrant ?? undefined,
    seen: status.seen.map(seenToWire),
    pause: pauseToWire(status.pause),
    change: changeToWire(status.change),
    enforced: enforcedToWire(status.enforced),
    ...settingsToWire(status),
    facts: factsToWire(status.facts),
  };
}

export function statusToCore(value: wire.NodeStatus | undefined): NodeStatus {
  const status = present(value, "status");
  return {
    node: nodeId(status.node, "node"),
    incarnation: token(status.incarnation, "incarnation"),
    boot: token(status.boot, "boot"),
    systemIdentifier: orNull(status.systemIdentifier, "system_identifier", systemIdentifier),
    initial: text(status.initial, "initial", EDGE_LIMITS.initialChars),
    promise: term(status.promise, "promise"),
    promises: promisesToCore(status.promises, "promises"),
    role: ROLE.toCore(status.role, "role"),
    term: term(status.term, "term"),
    leader: orNull(status.leader, "leader", nodeId),
    established: status.established,
    checkpointed: status.checkpointed,
    streaming: status.streaming,
    position: position(status.position, "position"),
    rulesets: recordsToCore(status.rulesets, "rulesets"),
    voter: status.voter,
    whyNot: orNull(status.whyNot, "why_not", text),
    postgres: POSTGRES.toCore(status.postgres, "postgres"),
    ledUntil: term(status.ledUntil, "led_until"),
    suspects: term(status.suspects, "suspects"),
    electing: term(status.electing, "electing"),
    awayMs: milliseconds(status.awayMs, "away_ms"),
    awaitsMs: milliseconds(status.awaitsMs, "awaits_ms"),
    flushLsn: optionalLsn(status.flushLsn),
    replayLsn: optionalLsn(status.replayLsn),
    quorumLsn: optionalLsn(status.quorumLsn),
    blocked: orNull(status.blocked, "blocked", blockedToCore),
    fencedUntil: term(status.fencedUntil, "fenced_until"),
    leaseAsk: orNull(status.leaseAsk, "lease_ask", askToCore),
    leaseGrant: orNull(status.leaseGrant, "lease_grant", grantToCore),
    seen: allSeenToCore(status.seen, "seen"),
    // A version from before there were such orders says nothing.
    pause: orNull(status.pause, "pause", pauseToCore) ?? NEVER_PAUSED,
    change: orNull(status.change, "change", changeToCore),
    enforced: orNull(status.enforced, "enforced", enforcedToCore),
    ...settingsToCore(status),
    facts: factsToCore(present(status.facts, "facts")),
  };
}

function blockedToWire({ code, reason, missing, nextStep }: Blocked): wire.Blocked {
  return { code, reason: cut(reason), missing: [...missing], nextStep: cut(nextStep) };
}

function blockedToCore(blocked: wire.Blocked, field: string): Blocked {
  return {
    code: text(blocked.code, `${field}.code`, EDGE_LIMITS.nameChars),
    reason: text(blocked.reason, `${field}.reason`),
    missing: list(blocked.missing, `${field}.missing`, EDGE_LIMITS.members, nodeId),
    nextStep: text(blocked.nextStep, `${field}.next_step`),
  };
}

function factsToWire(facts: NodeFacts): wire.NodeFacts {
  return {
    postgresVersion: facts.postgresVersion ?? undefined,
    host: facts.host,
    postgresPort: facts.postgresPort,
    labels: labelsToWire(facts.labels),
    sidecarPid: facts.sidecarPid,
    postmasterPid: facts.postmasterPid ?? undefined,
    dataDir: cut(facts.dataDir),
    phases: facts.phases ?? undefined,
    rejoin: facts.rejoin === null ? undefined : rejoinToWire(facts.rejoin),
  };
}

function factsToCore(facts: wire.NodeFacts): NodeFacts {
  if (facts.postgresPort > 65_535) throw new Malformed(`facts.postgres_port is no port: ${facts.postgresPort}`);
  return {
    postgresVersion: orNull(facts.postgresVersion, "facts.postgres_version", name),
    host: name(facts.host, "facts.host"),
    postgresPort: facts.postgresPort,
    labels: labelsToCore(facts.labels, "facts.labels"),
    sidecarPid: facts.sidecarPid,
    postmasterPid: facts.postmasterPid ?? null,
    dataDir: text(facts.dataDir, "facts.data_dir"),
    phases: orNull(facts.phases, "facts.phases", phasesToCore),
    rejoin: orNull(facts.rejoin, "facts.rejoin", rejoinToCore),
  };
}

function phasesToCore(phases: wire.ElectionPhases, field: string): ElectionPhases {
  return {
    term: term(phases.term, `${field}.term`),
    startedUnixMs: milliseconds(phases.startedUnixMs, `${field}.started_unix_ms`),
    detectMs: milliseconds(phases.detectMs, `${field}.detect_ms`),
    recruitMs: milliseconds(phases.recruitMs, `${field}.recruit_ms`),
    promoteMs: milliseconds(phases.promoteMs, `${field}.promote_ms`),
    establishMs: milliseconds(phases.establishMs, `${field}.establish_ms`),
  };
}

function name(value: string, field: string): string {
  return text(value, field, EDGE_LIMITS.nameChars);
}
