import { knownLeader, suspectedTerm } from "./detector/detector.js";
import { knownQuorumLsn } from "./leader/leader.js";
import type { Position, Term } from "./log/position.js";
import { TERM_NONE } from "./log/position.js";
import type { NodeStatus, PostgresState } from "./messages.js";
import { initialRulesetText } from "./ruleset/ruleset.js";
import type { State } from "./state.js";
import { hasLostItsData } from "./state.js";
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
    initial: initialRulesetText(config.initial),
    promise: durable.promise.term,
    role,
    term: leading?.term ?? following?.term ?? TERM_NONE,
    leader: leading !== null ? config.self : (following?.leader ?? null),
    established: leading?.stage === "established",
    streaming: postgres.streaming,
    position: currentPosition(state),
    rulesets: postgres.rulesets,
    voter: !hasLostItsData(state),
    whyNot: whyNot(state),
    postgres: postgresState(state),
    ledUntil: leading === null ? durable.promotionStarted : TERM_NONE,
    suspects: suspectedTerm(state),
    electing: election.stage === "idle" ? TERM_NONE : election.term,
    flushLsn: postgres.flushLsn,
    replayLsn: postgres.replayLsn,
    quorumLsn: leading === null ? null : knownQuorumLsn(leading),
    blocked: volatile.blocked,
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
  return timeline === TERM_NONE ? postgres.position : { timeline, lsn: postgres.flushLsn };
}

function postgresState(state: State): PostgresState {
  const { postgres } = state.volatile;
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
  if (hasLostItsData(state)) return "its data directory is gone: a wiped node's return is not in this version";
  return state.volatile.postgres.fault;
}

/** Publishes when something changed that others decide by; positions alone travel at the pace of the heartbeat. */
export function publishIfChanged(turn: Turn): void {
  const status = statusOf(turn.state());
  const known = knownLeader(turn.state());
  const key = JSON.stringify(
    [
      status.incarnation,
      status.systemIdentifier,
      status.promise,
      status.role,
      status.term,
      status.leader,
      status.established,
      status.streaming,
      status.voter,
      status.whyNot,
      status.postgres,
      status.ledUntil,
      status.suspects,
      status.electing,
      status.rulesets.length,
      status.blocked,
      status.facts.postmasterPid,
      status.facts.phases,
      status.facts.rejoin?.term,
      known?.term,
      turn.postgres.still !== null,
    ],
    (_, value: unknown) => (typeof value === "bigint" ? value.toString() : value),
  );
  const lsns = `${status.flushLsn}/${status.replayLsn}/${status.quorumLsn}/${status.position.lsn}`;
  const due = turn.nowMs - turn.volatile.publishedMs >= turn.config.timings.heartbeatMs;
  if (key === turn.volatile.published && (lsns === turn.volatile.publishedLsns || !due)) return;
  turn.set({ published: key, publishedLsns: lsns, publishedMs: turn.nowMs });
  turn.emit({ kind: "publish", status });
}
