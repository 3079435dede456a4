/** Catching up: the choice is made, and the candidate first takes the newest log from a node that cannot lead. */
import type { Unreachable } from "../events.js";
import { formatPosition } from "../log/position.js";
import type { CatchUpRequest, CatchUpResult } from "../messages.js";
import { sameAttempt } from "../messages.js";
import type { NodeId } from "../ruleset/ruleset.js";
import type { Turn } from "../turn.js";
import { decideOnAnswers, overtaken } from "./answers.js";
import type { Proposal } from "./decide.js";
import type { CatchingUp, Recruiting } from "./election.js";
import { giveUp } from "./give_up.js";
import { wishEndsMs, wishOf } from "./mandate.js";
import { propose } from "./promoting.js";

/** Promotes at once, or after the candidate has caught up. */
export function carryOut(turn: Turn, recruiting: Recruiting, proposal: Proposal): void {
  const { candidate, catchUpFrom: source, position } = proposal;
  if (source === null) return propose(turn, recruiting, proposal);
  const { term, attempt, fruitless } = recruiting;
  const { timings } = turn.config;
  const request: CatchUpRequest = { term, attempt, source, position };
  const election: CatchingUp = {
    ...{ stage: "catching_up", term, attempt, fruitless, candidate, request, proposal, recruiting },
    askAgainMs: turn.nowMs + timings.askAgainMs,
    // Once the deadline of an order is over anybody may lead: also one that has the log.
    giveUpMs: Math.min(turn.nowMs + timings.foundMs, wishEndsMs(turn) ?? Number.POSITIVE_INFINITY),
  };
  turn.set({ election, blocked: null });
  const why = wishOf(turn).fits(source) ? "cannot lead" : "is not to lead";
  const text = `${candidate} first takes the newest log from ${source}, which ${why}, up to ${formatPosition(position)}`;
  turn.note("info", "needs_catch_up", text, { term: Number(term), candidate, source });
  turn.emit({ kind: "send_catch_up", to: candidate, request });
}

export function onCatchUpResult(
  turn: Turn,
  peer: NodeId,
  request: CatchUpRequest,
  result: CatchUpResult | Unreachable,
): void {
  const { election } = turn.volatile;
  if (election.stage !== "catching_up" || election.candidate !== peer) return;
  if (!sameAttempt(election.attempt, request.attempt) || election.request.source !== request.source) return;
  if (result.ok === "unreachable") return;
  if (result.ok) return propose(turn, election.recruiting, { ...election.proposal, catchUpFrom: null });
  const { code, reason, promise } = result.refusal;
  if (code === "not_ready") return;
  if (promise > election.term) return giveUp(turn, election, `${peer} was outbid: ${reason}`, true);
  tryAnother(turn, election, reason);
}

export function goOnCatchingUp(turn: Turn, election: CatchingUp): void {
  if (overtaken(turn, election.recruiting)) return giveUp(turn, election, "outbid by a higher term", false);
  if (turn.nowMs >= election.giveUpMs) return tryAnother(turn, election, "it takes too long");
  if (turn.nowMs < election.askAgainMs) return;
  turn.set({ election: { ...election, askAgainMs: turn.nowMs + turn.config.timings.askAgainMs } });
  turn.emit({ kind: "send_catch_up", to: election.candidate, request: election.request });
}

/** Nobody was asked to lead yet, so the same attempt may choose again: another candidate, or another source. */
function tryAnother(
  turn: Turn,
  { candidate, request: { source }, recruiting: before }: CatchingUp,
  reason: string,
): void {
  const failedCatchUps = [...before.failedCatchUps, { candidate, source }];
  const recruiting: Recruiting = { ...before, failedCatchUps };
  const text = `${candidate} could not catch up from ${source}: ${reason}`;
  turn.note("warn", "catch_up_failed", text, { term: Number(before.term), candidate, source });
  const decision = decideOnAnswers(turn, recruiting);
  if (decision.ok) return carryOut(turn, recruiting, decision.proposal);
  turn.set({ blocked: decision.blocked });
  giveUp(turn, recruiting, "nobody could catch up with the newest log", true);
}
