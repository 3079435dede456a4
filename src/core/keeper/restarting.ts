/**
 * A restart of this node's Postgres, ordered by an operator. Of a follower: a clean stop, and then what the keeper does with
 * every Postgres that is stopped, a safe start with the settings of now, a standstill, and its leader again. It asks
 * nothing of anybody: like a follower whose Postgres dies, and is refused where commits would have to wait for it.
 */
import { isFresh, knownLeader } from "../detector/detector.js";
import type { OpId } from "../effects.js";
import { onSwitchover, underWay } from "../leader/handing_over.js";
import { RESTART_HANDOVER_MS } from "../limits.js";
import type { RestartOrder, RestartRefusal, RestartRequest } from "../orders.js";
import { satisfiedAll } from "../quorum/policy.js";
import { inForce } from "../ruleset/in_force.js";
import type { NodeId, Ruleset } from "../ruleset/ruleset.js";
import { memberOf } from "../ruleset/ruleset.js";
import { isRaiseForStandbys } from "../settings_seen.js";
import type { State } from "../state.js";
import { postgresState, settingsShown } from "../status.js";
import type { Turn } from "../turn.js";
import { answerRestart, refuseRestart } from "./restart_answer.js";

/** An operator asks for it, of this node. */
export function onRestart(turn: Turn, call: string, request: RestartRequest): void {
  const { leading, restart } = turn.volatile;
  if (restart?.call === call) return;
  const looked = turn.postgres.settings?.postmasterPid === turn.postgres.postmasterPid;
  const { pending = [] } = settingsShown(turn.postgres).settings ?? {};
  if (request.pendingOnly && looked && pending.length === 0) return answerRestart(turn, call, { kind: "not_needed" });
  const { force, deadlineMs, cause } = request;
  const unseen = request.pendingOnly && !looked ? notLooked() : null;
  const refusal = notNow(turn) ?? unseen ?? (force ? null : unsafe(turn));
  if (refusal !== null) return refuseRestart(turn, call, refusal);
  turn.note("info", "restart_asked", `is to start its Postgres again: ${cause}`, { force });
  const order = { call, force, postmasterPid: turn.postgres.postmasterPid, untilMs: turn.nowMs + deadlineMs };
  if (leading === null) {
    const flush = turn.background({ kind: "checkpoint" });
    return turn.set({ restart: { ...order, stage: "flushing", led: null, flush } });
  }
  turn.set({ restart: { ...order, stage: "handing_over", led: leading.term, flush: null } });
  onSwitchover(turn, call, { to: null, deadlineMs: Math.min(deadlineMs, RESTART_HANDOVER_MS), cause });
}

function no(
  code: RestartRefusal["code"],
  reason: string,
  nextStep: string,
  missing: readonly NodeId[] = [],
): RestartRefusal {
  return { code, reason, missing, nextStep };
}

function notLooked(): RestartRefusal {
  return no("not_looked", "it has not been seen yet which settings wait for a restart", "ask again in a moment");
}

/** Whatever the operator insists on. */
function notNow(turn: Turn): RestartRefusal | null {
  const { stopping, restart, mandate, leading } = turn.volatile;
  if (turn.config.witness === true)
    return no("no_postgres", `${turn.self} is a witness and has no Postgres`, "name another node");
  if (stopping)
    return no("stopping", `${turn.self} is being stopped`, "start its sidecar: Postgres is started with it");
  if (restart !== null) return no("restart_under_way", "a restart is under way", "see quorate status");
  if (mandate !== null) return underWay(mandate);
  const does = postgresState(turn.state());
  if (leading !== null || does === "running") return null;
  return no(
    "not_running",
    `the Postgres of ${turn.self} does not run (${does}), and is started by itself if it can be`,
    "see its why_not in quorate status",
  );
}

/** What keeps a careful operator from it, now: asked again right before Postgres is stopped. */
function unsafe(turn: Turn): RestartRefusal | null {
  return turn.volatile.leading === null ? commitsWouldWait(turn) : followersFirst(turn);
}

/** The leader and those that stream from it now must be a quorum without this node, if its copy counts at all. */
function commitsWouldWait(turn: Turn): RestartRefusal | null {
  const state = turn.state();
  const known = knownLeader(state);
  const leader = known === null ? undefined : turn.volatile.peers[known.leader];
  const there = isFresh(state, leader) && leader.status.term === known?.term && leader.status.established;
  if (known === null || !there)
    return no(
      "no_leader",
      "no established leader is heard, so its answer may be needed to elect one",
      "wait until somebody leads, or insist with --force",
    );
  const obliged = inForce(leader.status.rulesets)?.obliged ?? [];
  if (!obliged.some((ruleset) => memberOf(ruleset, turn.self)?.incarnation === turn.durable.incarnation)) return null;
  const copies = new Set([known.leader, ...streamingBeside(state, obliged, known.term)]);
  if (obliged.length > 0 && satisfiedAll(obliged, known.leader, copies)) return null;
  const members = new Set(obliged.flatMap(({ cohort }) => cohort.map(({ id }) => id)));
  const missing = [...members].filter((id) => id !== turn.self && !copies.has(id));
  const who =
    missing.length === 0 ? "it is needed" : `${missing.join(" and ")} ${missing.length > 1 ? "do" : "does"} not stream`;
  return no(
    "commits_would_wait",
    `without ${turn.self} no commit could complete: ${who}`,
    "bring back who is missing, or insist with --force: commits then wait until this node is back",
    missing,
  );
}

/** Others that receive every write of the leader of this term, and whose copy counts. */
function streamingBeside(state: State, obliged: readonly Ruleset[], term: bigint): NodeId[] {
  return Object.entries(state.volatile.peers).flatMap(([id, peer]) => {
    if (!isFresh(state, peer) || !peer.status.voter || peer.forgot) return [];
    const { streaming, incarnation, term: follows, role } = peer.status;
    const counts = obliged.every((ruleset) => (memberOf(ruleset, id)?.incarnation ?? incarnation) === incarnation);
    return role === "follower" && streaming && follows === term && counts ? [id] : [];
  });
}

/** Whoever leads after this one brings its own values into the log, and a follower with less stops its replay there. */
function followersFirst(turn: Turn): RestartRefusal | null {
  const { leading, peers } = turn.volatile;
  const waiting = (leading?.ruleset.cohort ?? []).filter(({ id }) => {
    const peer = peers[id];
    return isFresh(turn.state(), peer) && (peer.status.settings?.pending ?? []).some(isRaiseForStandbys);
  });
  if (waiting.length === 0) return null;
  const ids = waiting.map(({ id }) => id);
  return no(
    "followers_first",
    `${ids.join(" and ")} ${ids.length > 1 ? "wait" : "waits"} for a restart that raises what a standby needs as much of as its primary`,
    `restart ${ids.join(", then ")} first, then the leader`,
    ids,
  );
}

/** What the order waited for is on disk: from now on a stop is short. */
export function onFlushed(turn: Turn, op: OpId): void {
  const { restart } = turn.volatile;
  if (restart?.stage === "flushing" && restart.flush === op) turn.set({ restart: { ...restart, stage: "due" } });
}

/** The next step of a restart. */
export function advanceRestart(turn: Turn): void {
  const { restart, stopping } = turn.volatile;
  // A handover answers for itself.
  if (restart === null || restart.stage === "handing_over") return;
  if (restart.stage === "returning") return awaitReturn(turn, restart);
  if (stopping) return refuseRestart(turn, restart.call, no("stopping", `${turn.self} is being stopped`, "ask again"));
  // Its Postgres died meanwhile, or is being started for another reason: what was wanted happens.
  if (turn.postgres.process !== "running") return turn.set({ restart: { ...restart, stage: "returning" } });
  if (restart.stage === "due") return considerStop(turn, restart);
  if (turn.nowMs >= restart.untilMs) refuseRestart(turn, restart.call, tooSlow());
}

function tooSlow(): RestartRefusal {
  return no(
    "too_slow",
    "its checkpoint, or what else is done to it, takes longer than the deadline",
    "allow it more with --deadline",
  );
}

function considerStop(turn: Turn, restart: RestartOrder): void {
  const { leading, pending, catchUp } = turn.volatile;
  if (leading !== null)
    return refuseRestart(
      turn,
      restart.call,
      no("leads_now", `${turn.self} was elected meanwhile`, "ask again: it hands over first"),
    );
  const refusal = restart.force ? null : unsafe(turn);
  if (refusal !== null) return refuseRestart(turn, restart.call, refusal);
  const { op, retryAtMs, postmasterPid } = turn.postgres;
  // That it was another process in the end is what the answer stands on.
  if (pending !== null || catchUp !== null || op !== null || turn.nowMs < retryAtMs || postmasterPid === null) {
    if (turn.nowMs >= restart.untilMs) refuseRestart(turn, restart.call, tooSlow());
    return;
  }
  turn.note("info", "restarting", "stops its Postgres, to start it again", {});
  turn.operate({ kind: "stop" }, turn.durable.promise.term);
  turn.setPostgres({ still: null, receiver: null, streaming: false });
  turn.set({ restart: { ...restart, stage: "returning", postmasterPid } });
}

/** Until clients may read again, of another process than before. */
function awaitReturn(turn: Turn, order: RestartOrder): void {
  const { call, led } = order;
  const { leading, following } = turn.volatile;
  const { process, streaming, door, postmasterPid } = turn.postgres;
  // The stop failed, and it is in use again: it is stopped once more.
  if (leading === null && streaming && postmasterPid !== null && postmasterPid === order.postmasterPid)
    return turn.set({ restart: { ...order, stage: "due" } });
  if (postmasterPid === null || postmasterPid === order.postmasterPid) return giveUpLate(turn, order);
  if (leading?.stage === "established" && leading.term > (led ?? 0n))
    return back(turn, call, { leader: turn.self, term: leading.term, handedOver: led !== null });
  if (leading === null && following !== null && process === "running" && streaming && door === "open")
    return back(turn, call, { leader: following.leader, term: following.term, handedOver: led !== null });
  giveUpLate(turn, order);
}

function giveUpLate(turn: Turn, { call, untilMs }: RestartOrder): void {
  const { stopping } = turn.volatile;
  if (!stopping && turn.nowMs < untilMs) return;
  const reason = stopping ? `${turn.self} is being stopped` : `${turn.self} does not stream yet`;
  answerRestart(turn, call, { kind: "unknown", reason, nextStep: "see its why_not in quorate status" });
}

function back(
  turn: Turn,
  call: string,
  result: { readonly leader: NodeId; readonly term: bigint; readonly handedOver: boolean },
): void {
  turn.note("info", "restarted", `its Postgres was started again, under ${result.leader} in term ${result.term}`, {
    term: Number(result.term),
    leader: result.leader,
  });
  answerRestart(turn, call, { kind: "done", ...result });
}

/** When an order wants a step, in ms of the same clock. */
export function restartTicksMs({ volatile: { restart, nowMs } }: State): readonly number[] {
  return restart !== null && restart.untilMs > nowMs ? [restart.untilMs] : [];
}
