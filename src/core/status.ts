import { suspectedTerm } from "./detector/detector.js";
import { allSeen } from "./detector/peers.js";
import { knownQuorumLsn } from "./leader/leader.js";
import { changeShown, enforcedShown } from "./leader/shown.js";
import { grantOf } from "./lease/granting.js";
import { askOf, awaitedMs, stampDue } from "./lease/holding.js";
import type { Position, Term } from "./log/position.js";
import { TERM_NONE } from "./log/position.js";
import type { NodeStatus, PostgresState } from "./messages.js";
import type { LocalPostgres } from "./postgres_known.js";
import { foundingText, foundsNothing } from "./ruleset/founding.js";
import type { Peer, State } from "./state.js";
import { hasLostItsData, hasLostItsRulesets, hasVote } from "./state.js";
import type { Turn } from "./turn.js";

/** What this node tells the others now. */
export function statusOf(state: State): NodeStatus {
  const { config, durable, volatile } = state;
  const { postgres, leading, following, election } = volatile;
  const role = leading !== null ? "leader" : following !== null ? "follower" : "none";
  return {
    node: config.self,
    incarnation: durable.incarnation,
    boot: config.boot,
    systemIdentifier: durable.systemIdentifier,
    initial: foundingText(state),
    promise: durable.promise.term,
    promises: durable.promises,
    role,
    term: leading?.term ?? following?.term ?? TERM_NONE,
    leader: leading !== null ? config.self : (following?.leader ?? null),
    established: leading?.stage === "established",
    checkpointed: leading?.checkpoint === "done",
    streaming: postgres.streaming,
    position: currentPosition(state),
    rulesets: postgres.rulesets,
    voter: hasVote(state),
    whyNot: whyNot(state),
    postgres: postgresState(state),
    ledUntil: leading === null ? durable.promotionStarted : TERM_NONE,
    fencedUntil: leading === null && postgres.primaryGone ? durable.promotionStarted : TERM_NONE,
    suspects: suspectedTerm(state),
    awayMs: volatile.awayMs,
    electing: election.stage === "idle" ? TERM_NONE : election.term,
    flushLsn: postgres.flushLsn,
    replayLsn: postgres.replayLsn,
    quorumLsn: leading === null ? null : knownQuorumLsn(leading),
    blocked: volatile.blocked,
    leaseAsk: askOf(state),
    leaseGrant: grantOf(state),
    awaitsMs: awaitedMs(state),
    seen: allSeen(state),
    pause: durable.pause,
    change: leading === null ? null : changeShown(leading),
    enforced: leading === null ? null : enforcedShown(leading, config.self),
    ...settingsShown(postgres),
    facts: {
      postgresVersion: config.postgresVersion,
      host: config.host,
      postgresPort: config.postgresPort,
      labels: config.initial.nodes.find((n) => n.id === config.self)?.labels ?? {},
      sidecarPid: config.sidecarPid,
      postmasterPid: postgres.postmasterPid,
      dataDir: config.dataDir,
      phases: volatile.phases,
      rejoin: volatile.rejoin,
    },
  };
}

/** Of the process that runs: what another one waited for is over. */
export function settingsShown({ settings, postmasterPid }: LocalPostgres): Pick<NodeStatus, "settings"> {
  if (settings === null || settings.postmasterPid !== postmasterPid) return {};
  const { pending, held } = settings;
  return pending.length + held.length === 0 ? {} : { settings: { pending, held } };
}

/** Final while Postgres stands still, an estimate while WAL arrives. */
export function currentPosition(state: State): Position {
  const { postgres, leading, following } = state.volatile;
  if (postgres.still !== null || postgres.flushLsn === null) return postgres.position;
  const timeline: Term =
    leading !== null && leading.stage !== "promoting"
      ? leading.term
      : postgres.streaming && following !== null
        ? following.term
        : postgres.position.timeline;
  const { position, flushLsn } = postgres;
  // The very same object if it did not move, so that whoever looks for changes sees none.
  if (timeline === TERM_NONE || (timeline === position.timeline && flushLsn === position.lsn)) return position;
  return { timeline, lsn: flushLsn };
}

export function postgresState(state: State): PostgresState {
  const { postgres } = state.volatile;
  if (postgres.op?.what === "rewind") return "rewinding";
  if (postgres.clone !== null) return "cloning";
  if (postgres.process === "running") return "running";
  if (postgres.data === "absent") return hasLostItsData(state) ? "failed" : "stopped";
  if (postgres.failures >= 3) return "failed";
  return postgres.op !== null || neverStarted(state) ? "starting" : "stopped";
}

/** Between the start of the sidecar and its first look at the log, the position is unknown: nobody may count on it. */
function neverStarted(state: State): boolean {
  return state.volatile.postgres.position.timeline === TERM_NONE && state.volatile.postgres.data === "present";
}

function whyNot(state: State): string | null {
  if (state.volatile.postgres.data === "foreign") return state.volatile.postgres.fault;
  if (state.volatile.postgres.data === "torn") return whyTorn(state);
  if (hasLostItsData(state))
    return "its data directory is gone: bring it back, or remove its state directory as well, and it joins as a new node";
  if (state.durable.nonVoter)
    return "it was restored from the past and has forgotten what it promised, or was rewound: it votes again once it has caught up with a leader";
  if (hasLostItsRulesets(state))
    return "its table of rulesets was dropped or emptied, and which of them oblige at its position is not known: it votes again once it has followed a leader that has written them again";
  return state.volatile.postgres.fault ?? whyEmpty(state);
}

/** It knows that there is a cluster, from its file or because it saw it: then it has somewhere to take data from. */
function whyEmpty(state: State): string | null {
  const { postgres, following, leading } = state.volatile;
  const waits = postgres.data === "absent" && postgres.clone === null && following === null && leading === null;
  if (!waits || !foundsNothing(state)) return null;
  const told = state.config.initial.founded === true ? "its file says (founded: true)" : "it saw before";
  return `it has no data, and ${told} that the cluster exists: it waits for a leader to clone from, and founds nothing`;
}

function whyTorn({ volatile: { postgres, rejoin } }: State): string {
  const [now, percent] = [postgres.op?.what === "rewind", rejoin?.percent ?? 0];
  const what = now ? `its data is being rewound, ${percent} %` : "a rewind of its data did not come to its end";
  return `${what}: it votes again once it has caught up with a leader`;
}

/**
 * Publishes what changed: at once what others act on, a little later what they only show (a failover changes much, and
 * each message takes processor time from it), and positions at the pace of the heartbeat.
 */
export function publishIfChanged(turn: Turn): void {
  // Rounded down: a lease counts from no later than when it was asked for.
  if (stampDue(turn.state())) turn.set({ lease: { ...turn.volatile.lease, askedMs: Math.floor(turn.nowMs) } });
  const { status, now } = sayOf(turn.state());
  const { published, publishedMs } = turn.volatile;
  const { heartbeatMs, publishSoonMs } = turn.config.timings;
  const sinceMs = turn.nowMs - publishedMs;
  const urgent = now.acted !== published?.acted;
  const soon = now.shown !== published?.shown;
  const paced = now.lsns !== published?.lsns && sinceMs >= heartbeatMs;
  if (!urgent && !paced && !(soon && sinceMs >= publishSoonMs)) {
    if (turn.volatile.publishSoon !== soon) turn.set({ publishSoon: soon });
    return;
  }
  turn.set({ published: now, publishedMs: turn.nowMs, publishSoon: false });
  turn.emit({ kind: "publish", status });
}

/** A status, the texts by which it is compared with the one published last, and all that it is made of besides the configuration. */
interface Said {
  readonly durable: State["durable"];
  readonly volatile: State["volatile"];
  readonly seen: readonly Peer["seen"][];
  readonly status: NodeStatus;
  readonly now: NonNullable<State["volatile"]["published"]>;
}

/**
 * Of each sidecar the last one. Most steps change nothing that a status tells, and to make it and its texts anew each time
 * was a tenth of all time of a step. A pure function of what is compared in `saysTheSame`: nothing is decided by it.
 */
const lastSaid = new WeakMap<State["config"], Said>();

/** What it tells now: the very same object as the last time if nothing that it tells changed since. */
export function sayOf(state: State): Said {
  const before = lastSaid.get(state.config);
  if (before !== undefined && saysTheSame(before, state)) return before;
  const { durable, volatile } = state;
  const status = statusOf(state);
  const now = { acted: actedOn(status), shown: shown(volatile.postgres.still !== null, status), lsns: lsnsOf(status) };
  const said = { durable, volatile, seen: Object.values(volatile.peers).map((peer) => peer.seen), status, now };
  lastSaid.set(state.config, said);
  return said;
}

/** Every part of the state that `statusOf` reads is the very same object, or value, as it was. */
function saysTheSame(said: Said, { durable, volatile: v }: State): boolean {
  const was = said.volatile;
  if (
    said.durable !== durable ||
    was.postgres !== v.postgres ||
    was.leading !== v.leading ||
    was.following !== v.following ||
    was.election !== v.election ||
    was.suspicion !== v.suspicion ||
    was.blocked !== v.blocked ||
    was.lease !== v.lease ||
    was.awayMs !== v.awayMs ||
    was.phases !== v.phases ||
    was.rejoin !== v.rejoin
  )
    return false;
  if (was.peers === v.peers) return true;
  // Of the others it tells what was seen of them, not when: peers are only ever added, so the order stays.
  const peers = Object.values(v.peers);
  return peers.length === said.seen.length && peers.every((peer, i) => peer.seen === said.seen[i]);
}

function actedOn(s: NodeStatus): string {
  const leads = s.role === "leader" ? s.term : 0;
  const lease = [s.leaseAsk?.stampMs, s.leaseGrant?.term, s.leaseGrant?.stampMs, s.leaseGrant?.leaseMs];
  return [
    ...[s.incarnation, s.systemIdentifier, leads, s.established, s.voter, s.ledUntil, s.suspects, s.electing],
    ...lease,
    ...[s.fencedUntil, s.awayMs, s.awaitsMs],
    s.checkpointed,
    s.pause.number,
  ].join();
}

function shown(stands: boolean, s: NodeStatus): string {
  const { blocked, facts } = s;
  return [
    ...[s.promise, s.role, s.term, s.leader, s.streaming, s.whyNot, s.postgres, s.rulesets.length],
    ...[blocked?.code, blocked?.missing.join("+"), facts.postmasterPid, facts.rejoin?.term, facts.rejoin?.percent],
    ...[facts.phases?.term, facts.phases?.recruitMs, facts.phases?.establishMs, stands],
    ...[facts.rejoin?.work?.phase, facts.rejoin?.work?.bytes],
    ...[s.change?.stage, s.change?.waitsFor, s.enforced?.names],
    ...(s.settings?.pending ?? []).map(({ name, from, to }) => `${name} ${from} ${to}`),
    ...(s.settings?.held ?? []).map(({ name, wanted }) => `${name} ${wanted}`),
    ...s.seen.map(({ node, term, boot, end }) => `${node} ${term} ${boot} ${end?.lsn}`),
  ].join();
}

function lsnsOf(s: NodeStatus): string {
  return [s.flushLsn, s.replayLsn, s.quorumLsn, s.position.lsn].join();
}
