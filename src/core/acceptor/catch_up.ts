/**
 * Catching up before a promotion: the newest log lies on a node that cannot lead, so this one first takes what it lacks
 * from there (DESIGN 5.4). Both have promised the term to the attempt that asks, and both stand still: this node moves to
 * exactly the position asked for, stands still again, and answers. It is promoted there or nowhere.
 */
import type { OpId } from "../effects.js";
import { PENDING_CALLS_MAX } from "../limits.js";
import { comparePositions, formatPosition } from "../log/position.js";
import type { CatchUpRequest, RefusalCode, Sender } from "../messages.js";
import { sameAttempt } from "../messages.js";
import { hasVote } from "../state.js";
import type { Turn } from "../turn.js";
import { finalPosition, foreign, refuse } from "./acceptor.js";

export interface CatchUp {
  readonly request: CatchUpRequest;
  readonly calls: readonly string[];
  /** The operation that was started for it. */
  readonly op: OpId | null;
}

export function onCatchUp(turn: Turn, call: string, from: Sender, request: CatchUpRequest): void {
  const refused = refusal(turn, from, request);
  if (refused !== null) return reply(turn, [call], refused.code, refused.reason);
  const { catchUp } = turn.volatile;
  const same =
    catchUp?.request.source === request.source && comparePositions(catchUp.request.position, request.position) === 0;
  if (catchUp !== null && same) {
    if (catchUp.calls.length >= PENDING_CALLS_MAX)
      return reply(turn, [call], "not_ready", `${turn.self} already has ${catchUp.calls.length} calls waiting`);
    turn.set({ catchUp: { ...catchUp, calls: [...catchUp.calls, call] } });
    return;
  }
  reply(turn, catchUp?.calls ?? [], "cannot_catch_up", `${turn.self} was asked to catch up from ${request.source}`);
  turn.set({ catchUp: { request, calls: [call], op: null } });
}

function refusal(turn: Turn, from: Sender, request: CatchUpRequest): { code: RefusalCode; reason: string } | null {
  const { promise, promotionStarted } = turn.durable;
  const { following, postgres } = turn.volatile;
  if (turn.volatile.stopping) return { code: "stopping", reason: `${turn.self} is being stopped` };
  const other = foreign(turn, from);
  if (other !== null) return { code: "foreign_cluster", reason: other };
  if (promise.term !== request.term || !sameAttempt(promise.attempt, request.attempt)) {
    const reason = `${turn.self} has promised term ${promise.term}, not term ${request.term} to this attempt`;
    return { code: "not_promised", reason };
  }
  if (promotionStarted >= request.term)
    return { code: "promotion_already_started", reason: `${turn.self} began a promotion under term ${request.term}` };
  if (following !== null)
    return { code: "already_follows", reason: `${turn.self} follows ${following.leader} under term ${following.term}` };
  if (!hasVote(turn)) return { code: "non_voter", reason: `${turn.self} has lost what it held` };
  if (postgres.data !== "present")
    return { code: "cannot_catch_up", reason: `${turn.self} holds no data: only a clone would help` };
  return null;
}

/** A newer promise, a leader, or the end of the sidecar: whoever asked has lost, and the stream ends. */
export function dropCatchUp(turn: Turn): void {
  const { catchUp, following, leading, stopping } = turn.volatile;
  if (catchUp === null) return;
  const { promise } = turn.durable;
  const { request, calls } = catchUp;
  const holds = promise.term === request.term && sameAttempt(promise.attempt, request.attempt);
  if (holds && following === null && leading === null && !stopping) return;
  turn.set({ catchUp: null });
  reply(turn, calls, "stale_term", `${turn.self} has promised term ${promise.term} meanwhile, or takes part in it`);
}

/** The operation that is wanted, from a standstill below the position; the one under way is ended if nobody wants it. */
export function advanceCatchUp(turn: Turn): void {
  const { catchUp, postgres } = turn.volatile;
  if (postgres.op?.what === "catch_up" && postgres.op.id !== catchUp?.op) {
    turn.background({ kind: "cancel_catch_up" });
    turn.setPostgres({ op: { ...postgres.op, what: "catch_up_cancelled" } });
    return;
  }
  if (catchUp === null || catchUp.op !== null || postgres.op !== null || postgres.still === null) return;
  const { source, position, term } = catchUp.request;
  if (comparePositions(postgres.still.position, position) >= 0) return;
  const op = turn.operate({ kind: "catch_up", source, term, position }, term);
  turn.set({ catchUp: { ...catchUp, op } });
  turn.setPostgres({ still: null });
  turn.note("info", "catching_up", `takes the log from ${source} up to ${formatPosition(position)}`, {
    term: Number(term),
    source,
  });
}

/** Answers once it stands still: yes at exactly the position, no anywhere else. */
export function answerCatchUp(turn: Turn): void {
  const { catchUp, postgres } = turn.volatile;
  if (catchUp === null || postgres.op !== null) return;
  const { request, calls, op } = catchUp;
  const held = finalPosition(turn);
  if (held === null) {
    // Not started yet: the keeper brings it to a standstill first. Started and ended without one: it failed.
    if (op === null) return;
    turn.set({ catchUp: null });
    return reply(turn, calls, "cannot_catch_up", postgres.fault ?? `${turn.self} could not catch up`);
  }
  turn.set({ catchUp: null });
  if (comparePositions(held.position, request.position) !== 0) {
    const stands = `${turn.self} stands at ${formatPosition(held.position)}, not at ${formatPosition(request.position)}`;
    return reply(turn, calls, "position_moved", stands);
  }
  for (const call of calls) turn.emit({ kind: "answer_catch_up", call, result: { ok: true } });
  turn.note("info", "caught_up", `holds the log of ${request.source} up to ${formatPosition(held.position)}`, {
    term: Number(request.term),
    source: request.source,
  });
}

function reply(turn: Turn, calls: readonly string[], code: RefusalCode, reason: string): void {
  for (const call of calls) turn.emit({ kind: "answer_catch_up", call, result: refuse(turn, code, reason) });
}
