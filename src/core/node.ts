/**
 * The parent of the five machines: `step(state, event) → { state, output }`.
 *
 * An event is handed to the machine it concerns. Then all of them look at the whole, in a fixed order: the detector
 * suspects, the coordinator acts on suspicion, the leader or the keeper starts the next operation on Postgres, the
 * acceptor answers whoever waits for a final position, and what changed is told to the others. Nothing here waits,
 * knows a clock, or does anything: the shell first makes `persist` durable, then carries out `after`.
 */
import { answerPending, onFollow, onPromote, onRecruit } from "./acceptor/acceptor.js";
import { answerCatchUp, dropCatchUp, onCatchUp } from "./acceptor/catch_up.js";
import { recall, regainVote } from "./acceptor/past.js";
import { onCatchUpResult } from "./coordinator/catching_up.js";
import { coordinate } from "./coordinator/coordinator.js";
import { concludeMandate, mandateTicksMs, onFailover } from "./coordinator/mandate.js";
import { onPromoteResult } from "./coordinator/promoting.js";
import { onRecruitResult } from "./coordinator/recruiting.js";
import { detect } from "./detector/detector.js";
import { hearPeer, losePeer } from "./detector/peers.js";
import type { Effect } from "./effects.js";
import type { Event, PostgresReport, Stamp } from "./events.js";
import { checkInvariants } from "./invariants.js";
import { onFound } from "./keeper/adoption.js";
import { keep } from "./keeper/keeper.js";
import { onReport } from "./keeper/reports.js";
import { advanceRestart, onFlushed, onRestart, restartTicksMs } from "./keeper/restarting.js";
import { callFollowers } from "./leader/calling.js";
import { onChangeRuleset } from "./leader/change.js";
import { keepLeaseWithoutChange } from "./leader/change_given_up.js";
import { awaitsQuorum } from "./leader/change_state.js";
import { handOver, onLook, onSwitchover } from "./leader/handing_over.js";
import { isHandingOver } from "./leader/hands_over.js";
import { advanceLeader, establish, onObserved, onPromoted, onRecordWritten, watchMembers } from "./leader/leader.js";
import { leaveIfLeftOut } from "./leader/left_out.js";
import { onCheckpointed, stepDown } from "./leader/office.js";
import { onChangeCohort } from "./leader/ordered_cohort.js";
import { onAnswered, onUnanswered, watchProgress } from "./leader/progress.js";
import { onRecordsSeen } from "./leader/records.js";
import { onFollowersSet } from "./leader/seating.js";
import { exchangeLease, keepLease, leaseTicksMs } from "./lease/lease.js";
import { onLeave, watchLeaving } from "./lease/leaving.js";
import { LSN_ZERO } from "./log/lsn.js";
import { hearPause, onSetPause } from "./pause.js";
import { rememberCluster } from "./ruleset/founding.js";
import { compact, inForce } from "./ruleset/in_force.js";
import { noteMembership } from "./ruleset/membership.js";
import type { RulesetRecord } from "./ruleset/ruleset.js";
import type { Durable, State } from "./state.js";
import { currentPosition, publishIfChanged } from "./status.js";
import { Turn } from "./turn.js";

export interface Output {
  /** To be on disk before anything in `after` runs, and before the next event. */
  readonly persist: Durable | null;
  readonly after: readonly Effect[];
}

export function step(before: State, event: Event, stamp: Stamp): { readonly state: State; readonly output: Output } {
  const turn = new Turn(before);
  turn.set({ nowMs: Math.max(stamp.nowMs, before.volatile.nowMs), jitter: stamp.jitter });
  route(turn, event);
  regainVote(turn);
  noteMembership(turn);
  keepLeaseWithoutChange(turn);
  keepLease(turn);
  watchLeaving(turn);
  watchProgress(turn);
  establish(turn);
  leaveIfLeftOut(turn);
  detect(turn);
  handOver(turn);
  coordinate(turn);
  watchMembers(turn);
  callFollowers(turn, false);
  advanceLeader(turn);
  dropCatchUp(turn);
  advanceRestart(turn);
  keep(turn);
  answerCatchUp(turn);
  answerPending(turn);
  concludeMandate(turn);
  observePace(turn);
  publishIfChanged(turn);
  const state = turn.state();
  checkInvariants(before, state);
  return { state, output: { persist: turn.durable === before.durable ? null : turn.durable, after: turn.after } };
}

function route(turn: Turn, event: Event): void {
  switch (event.kind) {
    case "tick":
      return;
    case "found":
      return onFound(turn, event.postgres);
    case "peer_status":
      hearPeer(turn, event.peer, event.status);
      hearPause(turn, event.status);
      rememberCluster(turn, event.status);
      for (const seen of event.status.seen) recall(turn, event.peer, seen);
      return exchangeLease(turn, event.peer, event.status);
    case "peer_lost":
      return losePeer(turn, event.peer, event.reason);
    case "recruit":
      if (event.request.seen !== null) recall(turn, event.from.node, event.request.seen);
      return onRecruit(turn, event.call, event.from, event.request);
    case "promote":
      return onPromote(turn, event.call, event.from, event.request);
    case "follow":
      return onFollow(turn, event.call, event.from, event.request);
    case "catch_up":
      return onCatchUp(turn, event.call, event.from, event.request);
    case "catch_up_result":
      return onCatchUpResult(turn, event.peer, event.request, event.result);
    case "recruit_result":
      if (event.result.ok === true) for (const seen of event.result.answer.seen) recall(turn, event.peer, seen);
      return onRecruitResult(turn, event.peer, event.request, event.result);
    case "promote_result":
      return onPromoteResult(turn, event.peer, event.request, event.result);
    case "follow_result":
      if (event.result.ok === false)
        turn.note("info", "follow_refused", `${event.peer} refused to follow: ${event.result.refusal.reason}`, {
          peer: event.peer,
          code: event.result.refusal.code,
        });
      return;
    case "postgres":
      return onPostgres(turn, event.report);
    case "change_ruleset":
      return onChangeRuleset(turn, event.call, event.request);
    case "switchover":
      return onSwitchover(turn, event.call, event.request);
    case "failover":
      return onFailover(turn, event.call, event.request);
    case "restart":
      return onRestart(turn, event.call, event.request);
    case "set_pause":
      return onSetPause(turn, event.call, event.paused);
    case "change_cohort":
      return onChangeCohort(turn, event.call, event.request);
    case "shutdown":
      turn.set({ stopping: true, following: null, pending: null });
      stepDown(turn, "the sidecar is being stopped");
      turn.note("info", "stopping", "fences its Postgres and stops", {});
      return;
    case "leave":
      return onLeave(turn, event.backWithinMs);
  }
}

const ENDS_NO_OPERATION: ReadonlySet<string> = new Set<PostgresReport["kind"]>([
  ...(["clone_progress", "cloned", "rewind_progress", "checkpointed"] as const),
]);

/** Reports of the operation under way end it; older ones were overtaken. */
function onPostgres(turn: Turn, report: PostgresReport): void {
  if (report.kind === "observed") {
    const { observation } = report;
    const stands = turn.postgres.still !== null;
    const streaming = turn.postgres.receiver !== null && observation.streaming;
    turn.setPostgres({
      flushLsn: observation.flushLsn,
      replayLsn: observation.replayLsn,
      postmasterPid: observation.postmasterPid,
      streaming: stands ? false : streaming,
    });
    // An estimate while WAL arrives, so that a crash leaves the others something to go by; a standstill makes it final.
    if (!stands) turn.setPostgres({ position: currentPosition(turn.state()) });
    knowRulesets(turn, observation.rulesets);
    noteRejoined(turn);
    onAnswered(turn);
    onObserved(turn, observation);
    return onLook(turn, observation);
  }
  if ("op" in report && !ENDS_NO_OPERATION.has(report.kind)) {
    const current = turn.postgres.op;
    const own = current !== null && current.id === report.op;
    // Failures count in a row: what works again is forgotten.
    if (own) turn.setPostgres(report.kind === "failed" ? { op: null } : { op: null, failures: 0, fault: null });
    else if (!(report.kind === "failed" && turn.postgres.clone?.op === report.op)) return;
  }
  switch (report.kind) {
    case "promoted":
      return onPromoted(turn, report.history, report.systemIdentifier);
    case "record_written":
      return onRecordWritten(turn, report.lsn);
    case "checkpointed":
      onFlushed(turn, report.op);
      return onCheckpointed(turn, report.op);
    case "records_seen":
      return onRecordsSeen(turn, report.records);
    case "unanswered":
      return onUnanswered(turn, report.ms);
    case "followers_set":
      return onFollowersSet(turn);
    default:
      return onReport(turn, report);
  }
}

/** What a follower has replayed is what it tells the others of the rules; a leader knows its own by writing them. */
function knowRulesets(turn: Turn, replayed: readonly RulesetRecord[] | null): void {
  if (replayed === null || turn.volatile.leading !== null || turn.postgres.still !== null) return;
  if (inForce(replayed) !== undefined) turn.setPostgres({ rulesets: compact(replayed) });
}

/** How long it took from `Follow` to streaming, and by which way. */
function noteRejoined(turn: Turn): void {
  const { following, rejoin, postgres } = turn.volatile;
  if (following === null || !postgres.streaming) return;
  if (rejoin !== null && rejoin.term === following.term && rejoin.percent === null) return;
  const method = rejoin?.term === following.term ? rejoin.method : "stream";
  turn.set({
    rejoin: { term: following.term, method, ms: Math.round(turn.nowMs - following.sinceMs), percent: null, work: null },
  });
  turn.note("info", "streaming", `streams from ${following.leader} under term ${following.term}`, {
    term: Number(following.term),
    method,
  });
}

/** How closely Postgres is watched: a leader that waits for its quorum is, an idle one is not. */
function observePace(turn: Turn): void {
  const { leading, following, postgres } = turn.volatile;
  const { observeFastMs, observeIdleMs } = turn.config.timings;
  const waiting =
    leading !== null &&
    ((leading.stage === "establishing" && leading.quorumLsn < (leading.firstRecord ?? LSN_ZERO)) ||
      leading.mark === "writing" ||
      typeof leading.mark === "bigint" ||
      awaitsQuorum(leading.change) ||
      isHandingOver(turn));
  const dialling = following !== null && postgres.receiver !== null && !postgres.streaming;
  const as =
    leading !== null && leading.stage !== "promoting" ? "leader" : postgres.process === "running" ? "follower" : "idle";
  // Owed WAL is looked for often enough that `detect` is not mistaken for one look.
  const owing = leading !== null && turn.volatile.progress.demandedMs !== null;
  const idleMs = owing ? Math.min(observeIdleMs, Math.floor(turn.config.timings.detectMs / 4)) : observeIdleMs;
  const everyMs = waiting ? observeFastMs : dialling ? observeFastMs * 10 : idleMs;
  const key = `${as}/${everyMs}/${leading?.term ?? following?.term ?? 0}`;
  if (key === postgres.observing) return;
  turn.setPostgres({ observing: key });
  turn.background({ kind: "observe", everyMs, as });
}

/** When `step` must be called again even if nothing happens, in ms of the same clock. */
export function nextTickMs(state: State): number {
  const { volatile, config } = state;
  const { timings } = config;
  const now = volatile.nowMs;
  // The earliest so far. No list of all of them: this is asked after every step.
  let due = now + timings.heartbeatMs;
  const at = (ms: number) => {
    if (ms < due) due = ms;
  };
  const atIfAhead = (ms: number) => {
    if (ms > now) at(ms);
  };
  for (const ms of leaseTicksMs(state)) at(ms);
  for (const ms of mandateTicksMs(state)) at(ms);
  for (const ms of restartTicksMs(state)) at(ms);
  if (volatile.postgres.op === null) {
    atIfAhead(volatile.postgres.retryAtMs);
    atIfAhead(volatile.postgres.restartAtMs);
  }
  if (volatile.publishSoon) at(volatile.publishedMs + timings.publishSoonMs);
  const { election, suspicion, peers } = volatile;
  if (election.stage === "recruiting") {
    at(election.askAgainMs);
    for (const ms of [election.graceUntilMs, election.askLateMs, election.awaitAllUntilMs]) atIfAhead(ms);
  }
  if (election.stage === "catching_up") for (const ms of [election.askAgainMs, election.giveUpMs]) at(ms);
  if (election.stage === "promoting") {
    at(election.giveUpMs);
    if (!election.accepted) at(election.askAgainMs);
  }
  if (election.stage === "idle" && suspicion !== null)
    at(Math.max(election.notBeforeMs, now + timings.rankDelayMs / 2));
  for (const peer of Object.values(peers)) atIfAhead(peer.heardMs + timings.detectMs);
  return Math.max(now + 1, due);
}
