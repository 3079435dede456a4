/**
 * A planned switchover, as long as the old leader is in office (DESIGN 5): its door is shut, sessions end, and the target
 * takes what is left of the log; then a higher term is won for the target, with the old leader as its coordinator. From the
 * shut door on there is no way back into this term: whatever fails, a higher one is won, for this node if need be.
 */
import { decide } from "../coordinator/decide.js";
import { answersFromStatuses, byRank } from "../coordinator/standing.js";
import { isFresh } from "../detector/detector.js";
import { isDoubted } from "../detector/peers.js";
import type { Observation } from "../events.js";
import { LAG_CAUGHT_UP_BYTES } from "../limits.js";
import type { HandoverRefusal, HandoverRequest, Mandate } from "../orders.js";
import type { NodeId } from "../ruleset/ruleset.js";
import { memberOf } from "../ruleset/ruleset.js";
import type { Leading } from "../state.js";
import type { Turn } from "../turn.js";
import { refuseHandover } from "./handover_answer.js";
import { isHandingOver } from "./hands_over.js";
import { stepDown } from "./office.js";

/** The first look may have begun while clients were still writing. */
const LOOKS_NEEDED = 2;
/** A leader whose commits wait for nobody does not take longer to leave, in ms. */
const HAND_OVER_WITHIN_MS = 1000;

/** An operator asks this leader to let another node lead. */
export function onSwitchover(turn: Turn, call: string, request: HandoverRequest): void {
  const { leading, mandate, following } = turn.volatile;
  if (mandate?.call === call) return;
  const refusal =
    mandate !== null
      ? underWay(mandate)
      : leading?.stage !== "established"
        ? notLeader(turn, following?.leader ?? null)
        : null;
  if (refusal !== null || leading === null) return refuseHandover(turn, call, refusal ?? notLeader(turn, null));
  turn.set({
    mandate: {
      ...{ kind: "switchover", stage: "waiting", call, to: request.to, from: turn.self, term: leading.term },
      ...{ cause: request.cause, sinceMs: turn.nowMs, untilMs: turn.nowMs + request.deadlineMs, looks: 0 },
    },
  });
  turn.note(
    "info",
    "switchover_asked",
    `is to hand over to ${request.to ?? "whoever is best placed"}: ${request.cause}`,
    {
      term: Number(leading.term),
      to: request.to,
    },
  );
}

export function underWay({ kind, to, stage }: Mandate): HandoverRefusal {
  return {
    code: "handover_under_way",
    reason: `another ${kind}${to === null ? "" : ` to ${to}`} is under way (${stage})`,
    missing: [],
    nextStep: "wait until it is done, then ask again",
  };
}

function notLeader(turn: Turn, leader: NodeId | null): HandoverRefusal {
  return {
    code: "not_leader",
    reason: `${turn.self} does not lead, or is not established yet; an established leader hands over`,
    missing: [],
    nextStep: leader === null ? "ask again once a leader is established" : `ask ${leader}`,
  };
}

/** The next step of a switchover that has not come to its election yet. */
export function handOver(turn: Turn): void {
  const { mandate, leading } = turn.volatile;
  if (mandate?.kind !== "switchover" || mandate.stage === "electing") return;
  if (leading === null || leading.term !== mandate.term) return leftOffice(turn, mandate);
  if (mandate.stage === "waiting") considerDraining(turn, leading, mandate);
  else considerElecting(turn, mandate);
}

function leftOffice(turn: Turn, mandate: Mandate): void {
  if (mandate.stage === "waiting") return refuseHandover(turn, mandate.call, notLeader(turn, null));
  // Its Postgres died with the door shut, or it was recruited: whoever was to lead still is.
  turn.set({ mandate: { ...mandate, stage: "electing" } });
}

function considerDraining(turn: Turn, leading: Leading, mandate: Mandate): void {
  const to = mandate.to ?? bestPlaced(turn, leading);
  const obstacle = to === null ? nobody() : (obstacleTo(turn, leading, to) ?? obstacleNow(turn, leading, to));
  if (obstacle !== null) {
    const late = turn.nowMs >= mandate.untilMs;
    return obstacle.passing && !late ? undefined : refuseHandover(turn, mandate.call, obstacle.refusal);
  }
  if (turn.postgres.op === null) drain(turn, { ...mandate, to, stage: "draining" });
}

function drain(turn: Turn, mandate: Mandate): void {
  const { to, term, untilMs } = mandate;
  turn.set({ mandate });
  turn.note("info", "draining", `shuts its door: ${to} is to lead, and takes what is left of the log`, {
    term: Number(term),
    to,
  });
  turn.operate({ kind: "drain", deadlineMs: Math.max(0, untilMs - turn.nowMs) }, term);
}

/**
 * This leader has to leave office although its Postgres serves: somebody takes what there is first, where that can be. To leave
 * at once ends the connections by which the others would still have got the last of it.
 */
export function leaveInOrder(turn: Turn, cause: string): void {
  const { leading, mandate } = turn.volatile;
  const to = leading === null ? null : bestPlaced(turn, leading);
  // While elections are paused nobody is made to elect.
  const may = mandate === null && turn.postgres.op === null && !turn.durable.pause.paused;
  if (leading === null || to === null || !may) return stepDown(turn, cause);
  if (obstacleTo(turn, leading, to) !== null || obstacleNow(turn, leading, to) !== null) return stepDown(turn, cause);
  drain(turn, {
    ...{ kind: "switchover", stage: "draining", call: null, to, from: turn.self, term: leading.term, cause },
    ...{
      sinceMs: turn.nowMs,
      untilMs: turn.nowMs + Math.min(turn.config.timings.detectMs, HAND_OVER_WITHIN_MS),
      looks: 0,
    },
  });
}

interface Obstacle {
  readonly refusal: HandoverRefusal;
  /** It may be otherwise in a moment, so the order waits until its deadline. */
  readonly passing: boolean;
}

function obstacle(passing: boolean, refusal: HandoverRefusal): Obstacle {
  return { passing, refusal };
}

function nobody(): Obstacle {
  const reason = "no other node of the cohort that may lead streams from this one";
  return obstacle(false, { code: "nobody_to_lead", reason, missing: [], nextStep: "start a follower, then ask again" });
}

/** What keeps this node from leading, whoever leads now. */
function obstacleTo(turn: Turn, leading: Leading, to: NodeId): Obstacle | null {
  const member = memberOf(leading.ruleset, to);
  const no = (code: HandoverRefusal["code"], reason: string, nextStep: string) =>
    obstacle(false, { code, reason, missing: [to], nextStep });
  if (to === turn.self) return no("target_leads", `${to} leads already`, "name another node");
  if (member === undefined) return no("target_unknown", `${to} is no member of the cohort`, "see quorate status");
  if (!member.eligible) return no("target_not_eligible", `the rules do not let ${to} lead`, "name another node");
  const sender = leading.senders[to];
  const status = turn.volatile.peers[to]?.status;
  if (sender === undefined || leading.seats[to] !== member.incarnation || status == null)
    return no(
      "target_not_streaming",
      `${to} does not stream from ${turn.self}`,
      `start ${to}, or see its why_not in quorate status`,
    );
  if (isDoubted(turn.volatile.peers[to]))
    return obstacle(true, {
      code: "target_without_vote",
      reason: `${to} may lack what it acknowledged, and has no vote until it has caught up`,
      missing: [to],
      nextStep: "wait until it has caught up, or name another node",
    });
  const unflushed = leading.flushLsn - sender.flushLsn;
  const unreplayed = (status.flushLsn ?? 0n) - (status.replayLsn ?? status.flushLsn ?? 0n);
  const behind = unflushed > unreplayed ? unflushed : unreplayed;
  if (behind <= LAG_CAUGHT_UP_BYTES) return null;
  return obstacle(true, {
    code: "target_lags",
    reason: `${to} is ${behind} bytes behind, and writes would have to wait for it`,
    missing: [to],
    nextStep: "wait until it has caught up, or ask with a later deadline",
  });
}

/** What keeps this leader from leaving now: rules that are being changed, or too few nodes to elect the next one. */
function obstacleNow(turn: Turn, leading: Leading, to: NodeId): Obstacle | null {
  if (leading.change !== null)
    return obstacle(false, {
      code: "change_under_way",
      reason: `a change of the rules is under way (${leading.change.stage})`,
      missing: [],
      nextStep: "wait until it is done, then ask again",
    });
  if (leading.mark !== "durable")
    return obstacle(true, {
      code: "not_decided",
      reason: `the ruleset that term ${leading.term} began with is not decided yet`,
      missing: [],
      nextStep: "ask again in a moment",
    });
  const reason = { term: leading.term, leader: turn.self, firstHand: true, cause: "", sinceMs: turn.nowMs };
  const answers = answersFromStatuses(turn.state(), reason);
  const decision = decide(answers, turn.config.initial, byRank(turn.state()), [], (id) => id === to);
  if (decision.ok) return null;
  const { reason: why, missing, nextStep } = decision.blocked;
  return obstacle(false, { code: "not_possible", reason: `${to} could not be elected: ${why}`, missing, nextStep });
}

/** Of those that could lead, now or in a moment: whoever has most of the log, then by rank. */
function bestPlaced(turn: Turn, leading: Leading): NodeId | null {
  const byName = byRank(turn.state());
  const obstacles = new Map(Object.keys(leading.senders).map((id) => [id, obstacleTo(turn, leading, id)]));
  const able = Object.entries(leading.senders).filter(([id]) => obstacles.get(id)?.passing !== false);
  const waits = (id: NodeId) => Number(obstacles.get(id) !== null);
  able.sort(
    ([a, x], [b, y]) =>
      waits(a) - waits(b) || (x.flushLsn === y.flushLsn ? byName(a, b) : x.flushLsn > y.flushLsn ? -1 : 1),
  );
  return able[0]?.[0] ?? null;
}

/** The door is shut and nothing waits: a look that began after that shows whether the target has all there is. */
export function onLook(turn: Turn, seen: Observation): void {
  const { mandate, leading } = turn.volatile;
  if (mandate === null || mandate.stage !== "draining" || !isHandingOver(turn) || turn.postgres.door !== "shut") return;
  const looks = Math.min(mandate.looks + 1, LOOKS_NEEDED);
  const has = leading?.senders[mandate.to ?? ""]?.flushLsn ?? -1n;
  const drained = looks >= LOOKS_NEEDED && has >= seen.flushLsn;
  turn.set({ mandate: { ...mandate, looks, stage: drained ? "electing" : "draining" } });
  if (!drained) return;
  turn.note("info", "drained", `${mandate.to} has the whole log`, { term: Number(mandate.term), to: mandate.to });
  stepDown(turn, `hands over to ${mandate.to}`);
}

/** The election begins anyway when the deadline is over, when the door could not be shut, or when the target is gone. */
function considerElecting(turn: Turn, mandate: Mandate): void {
  const { postgres, peers } = turn.volatile;
  const gone = !isFresh(turn.state(), peers[mandate.to ?? ""]);
  const failed = postgres.op === null && postgres.door === "open";
  if (!gone && !failed && turn.nowMs < mandate.untilMs) return;
  const why = gone
    ? `${mandate.to} is not heard any more`
    : failed
      ? "the door could not be shut"
      : "the deadline is over";
  // A term whose door was shut is not resumed: a higher one is won, for this node if the target does not come in time.
  turn.set({ mandate: { ...mandate, stage: "electing", ...(failed ? { untilMs: turn.nowMs } : {}) } });
  turn.note("warn", "switchover_failed", `${why}: goes on under a higher term, not under ${mandate.term}`, {
    term: Number(mandate.term),
    to: mandate.to,
  });
}
