/** An operator's order, as the coordinator sees it: why it elects, whom it may choose, and when the order is answered. */
import { isFresh, knownLeader } from "../detector/detector.js";
import { underWay } from "../leader/handing_over.js";
import { answerHandover, refuseHandover } from "../leader/handover_answer.js";
import { isHandingOver } from "../leader/hands_over.js";
import { stepDown } from "../leader/office.js";
import type { Term } from "../log/position.js";
import { TERM_NONE } from "../log/position.js";
import type { HandoverRefusal, HandoverRequest, Mandate } from "../orders.js";
import type { NodeId } from "../ruleset/ruleset.js";
import type { State, Suspicion } from "../state.js";
import { hasVote } from "../state.js";
import type { Turn } from "../turn.js";
import { decide } from "./decide.js";
import { answersFromStatuses, byRank } from "./standing.js";

/** An operator says that the leader is of no use: what the detector would find out is taken for granted, and nothing else. */
export function onFailover(turn: Turn, call: string, request: HandoverRequest): void {
  const { mandate } = turn.volatile;
  if (mandate?.call === call) return;
  const known = knownLeader(turn.state());
  const ordered: Mandate = {
    ...{ kind: "failover", stage: "electing", call, to: request.to, looks: 0 },
    ...{ from: known?.leader ?? null, term: known?.term ?? TERM_NONE, cause: request.cause },
    ...{ sinceMs: turn.nowMs, untilMs: turn.nowMs + request.deadlineMs },
  };
  const refusal = mandate !== null ? underWay(mandate) : notPossible(turn, ordered);
  if (refusal !== null) return refuseHandover(turn, call, refusal);
  turn.set({ mandate: ordered });
  turn.note(
    "warn",
    "failover_asked",
    `an operator wants another leader than ${ordered.from ?? "none"}: ${request.cause}`,
    {
      term: Number(ordered.term),
      to: request.to,
    },
  );
}

/** The pre-vote, before anybody is touched: the same recruitment and the same sufficiency as without an order. */
function notPossible(turn: Turn, ordered: Mandate): HandoverRefusal | null {
  const { to, from } = ordered;
  const refusal = (code: HandoverRefusal["code"], reason: string, missing: readonly NodeId[], nextStep: string) => ({
    ...{ code, reason, missing, nextStep },
  });
  if (turn.volatile.stopping) return refusal("stopping", `${turn.self} is being stopped`, [], "ask another node");
  if (turn.volatile.outside)
    return refusal("not_member", `no ruleset names ${turn.self}: it elects nobody`, [], "ask a member of the cohort");
  if (!hasVote(turn))
    return refusal("no_vote", `${turn.self} has no vote: it elects nobody`, [turn.self], "ask another node");
  if (to !== null && to === from) return refusal("target_leads", `${to} leads already`, [to], "name another node");
  const answers = answersFromStatuses(turn.state(), reasonOf(ordered));
  const rank = byRank(turn.state());
  const decision = decide(answers, turn.config.initial, rank, [], (id) => isWanted(ordered, id));
  if (decision.ok && !decision.proposal.founding) return null;
  if (decision.ok)
    return refusal("no_cluster", "there is no cluster yet", [], "start all nodes of the configuration: they found it");
  const anybody = decide(answers, turn.config.initial, rank);
  if (!anybody.ok) {
    const { reason, missing, nextStep } = anybody.blocked;
    return refusal("not_possible", reason, missing, nextStep);
  }
  const whom = to ?? `nobody but ${from}`;
  const reason =
    to === null ? `${whom} could lead now` : `${to} could not lead now: it is not heard, may not lead, or has no data`;
  return refusal(
    "nobody_to_lead",
    reason,
    to === null ? [] : [to],
    "see why_not in quorate status, or name another node",
  );
}

function isWanted({ to, from }: Mandate, id: NodeId): boolean {
  return to === null ? id !== from : id === to;
}

function reasonOf({ kind, call, term, from, cause, sinceMs }: Mandate): Suspicion {
  const ordered = call === null ? cause : `${kind} by an operator: ${cause}`;
  return { term, leader: from, firstHand: true, cause: ordered, sinceMs };
}

/** Why this node elects, whatever it sees itself. */
export function orderedElection(turn: Turn): Suspicion | null {
  const { mandate } = turn.volatile;
  return mandate?.stage === "electing" ? reasonOf(mandate) : null;
}

/** Whom an election of this node may promote, and whom it prefers among equals. */
export interface Wish {
  readonly fits: (id: NodeId) => boolean;
  readonly prefer: (a: NodeId, b: NodeId) => number;
}

export function wishOf(turn: Turn): Wish {
  const { mandate } = turn.volatile;
  const prefer = byRank(turn.state());
  const anybody = () => true;
  if (mandate?.stage !== "electing") return { fits: anybody, prefer };
  const { kind, to, from } = mandate;
  const late = turn.nowMs >= mandate.untilMs;
  const there = to === turn.self || (to !== null && isFresh(turn.state(), turn.volatile.peers[to]));
  if (!late && there) return { fits: (id) => id === to, prefer };
  // Nobody waits for a target that is gone: the old leader is the best there is, under a term of its own.
  if (kind === "switchover")
    return { fits: anybody, prefer: (a, b) => Number(b === turn.self) - Number(a === turn.self) || prefer(a, b) };
  return { fits: late ? anybody : (id) => id !== from, prefer };
}

/**
 * Whether the others can elect the target without this node: its Postgres is fenced at once, but had better not be started
 * while the next leader's is being promoted.
 */
export function sparesItself(turn: Turn): boolean {
  const { mandate, leading } = turn.volatile;
  if (mandate?.kind !== "switchover" || mandate.stage !== "electing" || leading !== null) return false;
  const { fits, prefer } = wishOf(turn);
  if (fits(turn.self)) return false;
  const others = answersFromStatuses(turn.state(), reasonOf(mandate)).filter(({ id }) => id !== turn.self);
  return decide(others, turn.config.initial, prefer, [], fits).ok;
}

/** The order is answered when a leader of a higher term is established, or when that takes too long. */
export function concludeMandate(turn: Turn): void {
  const { mandate, stopping } = turn.volatile;
  if (mandate === null || (mandate.stage !== "electing" && !stopping)) return;
  const next = establishedAbove(turn, mandate.term);
  const { detectMs, establishMs } = turn.config.timings;
  const patienceMs = detectMs + 2 * establishMs;
  if (next === null && !stopping && turn.nowMs < mandate.untilMs + patienceMs) return;
  // How its door stands is not known, if it could not be shut; and a term whose door was shut is not resumed.
  if (isHandingOver(turn)) stepDown(turn, `it was handing over to ${mandate.to}, and that is over`);
  if (next !== null) {
    if (isWanted(mandate, next.leader)) return answerHandover(turn, mandate.call, { kind: "done", ...next });
    const reason = `${mandate.to ?? "another node"} could not be made leader in time`;
    return answerHandover(turn, mandate.call, { kind: "failed", ...next, reason });
  }
  const reason = stopping ? `${turn.self} is being stopped` : "nobody has been established yet";
  answerHandover(turn, mandate.call, { kind: "unknown", reason, nextStep: "see quorate status" });
}

function establishedAbove(turn: Turn, term: Term): { leader: NodeId; term: Term } | null {
  const { leading, peers } = turn.volatile;
  if (leading?.stage === "established" && leading.term > term) return { leader: turn.self, term: leading.term };
  for (const [leader, peer] of Object.entries(peers)) {
    if (!isFresh(turn.state(), peer)) continue;
    const { role, established, term: led } = peer.status;
    if (role === "leader" && established && led > term) return { leader, term: led };
  }
  return null;
}

/** Until when an election waits for the node that was asked for, and for no other; null: whoever can may lead. */
export function wishEndsMs(turn: Turn): number | null {
  const { mandate, nowMs } = turn.volatile;
  return mandate?.stage === "electing" && nowMs < mandate.untilMs ? mandate.untilMs : null;
}

/** When an order wants a step, in ms of the same clock. */
export function mandateTicksMs({ volatile }: State): number[] {
  const { mandate, nowMs } = volatile;
  return mandate !== null && mandate.untilMs > nowMs ? [mandate.untilMs] : [];
}
