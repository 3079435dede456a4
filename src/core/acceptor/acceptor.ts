/**
 * The acceptor: this node's durable word.
 *
 * It promises a term to one attempt, ever; it follows a leader whose term is not below its promise; it starts a
 * promotion under the term it promised, once. Each of the three first raises the promise durably. To answer a
 * `Recruit` it needs the final position: the keeper brings Postgres to a standstill, and `answerPending` replies.
 */

import { allSeen } from "../detector/peers.js";
import { beginLeading, stepDown } from "../leader/office.js";
import { yields } from "../leader/progress_seen.js";
import { leasesLeft } from "../lease/granting.js";
import { beginLease } from "../lease/holding.js";
import { PENDING_CALLS_MAX } from "../limits.js";
import { contains } from "../log/history.js";
import { comparePositions, formatPosition, POSITION_EMPTY, TERM_MAX, TERM_NONE } from "../log/position.js";
import type { FollowRequest, PromoteRequest, RecruitRequest, Refusal, RefusalCode, Sender } from "../messages.js";
import { sameAttempt } from "../messages.js";
import type { Still } from "../postgres_known.js";
import { foundingText, foundsNothing } from "../ruleset/founding.js";
import { hasLostItsData, hasVote } from "../state.js";
import type { Turn } from "../turn.js";

export function refuse(turn: Turn, code: RefusalCode, reason: string): { ok: false; refusal: Refusal } {
  return { ok: false, refusal: { code, reason, promise: turn.durable.promise.term } };
}

/** A node of another cluster, or restored from one, must not move this node's promise. */
export function foreign(turn: Turn, from: Sender): string | null {
  const own = turn.durable.systemIdentifier;
  if (own === null || from.systemIdentifier === null || own === from.systemIdentifier) return null;
  return `${from.node} holds data of system ${from.systemIdentifier}, this node of ${own}`;
}

export function onRecruit(turn: Turn, call: string, from: Sender, request: RecruitRequest): void {
  const reply = (code: RefusalCode, reason: string) =>
    turn.emit({ kind: "answer_recruit", call, result: refuse(turn, code, reason) });
  const { promise } = turn.durable;
  if (turn.volatile.stopping) return reply("stopping", `${turn.self} is being stopped`);
  const other = foreign(turn, from);
  if (other !== null) return reply("foreign_cluster", other);
  // It does not know yet that it is from the past, and would count its own answer: its peers know (DESIGN 8).
  if (turn.volatile.peers[from.node]?.forgot === true)
    return reply("non_voter", `${from.node} was restored from the past and has not caught up: it elects nobody`);
  if (yields(turn)) return reply("not_ready", `${turn.self} gave up its term for others to go on without it`);
  if (request.term > TERM_MAX) return reply("stale_term", `term ${request.term} is beyond what a timeline can count`);
  if (request.term < promise.term) return reply("stale_term", `${turn.self} has promised term ${promise.term}`);
  if (request.term === promise.term) {
    if (!sameAttempt(promise.attempt, request.attempt))
      return reply("promised_to_another", `${turn.self} has promised term ${promise.term} to another attempt`);
    if (turn.volatile.following !== null || turn.volatile.leading !== null)
      return reply("already_follows", `${turn.self} already takes part in term ${promise.term}`);
    return enqueue(turn, call, request);
  }
  failPending(turn, "stale_term", `${turn.self} has promised term ${request.term} meanwhile`);
  turn.promise({ promise: { term: request.term, attempt: request.attempt } });
  stepDown(turn, `promised term ${request.term} to ${request.attempt.node}`);
  turn.set({ following: null });
  cancelClone(turn);
  turn.note("info", "promised", `promised term ${request.term} to ${request.attempt.node}`, {
    term: Number(request.term),
    coordinator: request.attempt.node,
  });
  enqueue(turn, call, request);
}

function enqueue(turn: Turn, call: string, request: RecruitRequest): void {
  const calls = turn.volatile.pending?.calls ?? [];
  if (calls.length >= PENDING_CALLS_MAX) {
    turn.emit({
      kind: "answer_recruit",
      call,
      result: refuse(turn, "not_ready", `${turn.self} already has ${calls.length} calls waiting for its position`),
    });
    return;
  }
  turn.set({ pending: { term: request.term, attempt: request.attempt, calls: [...calls, call] } });
}

export function failPending(turn: Turn, code: RefusalCode, reason: string): void {
  for (const call of turn.volatile.pending?.calls ?? [])
    turn.emit({ kind: "answer_recruit", call, result: refuse(turn, code, reason) });
  turn.set({ pending: null });
}

/** Answers the recruitment as soon as the position is final: at once for a node without data. */
export function answerPending(turn: Turn): void {
  const pending = turn.volatile.pending;
  if (pending === null || pending.calls.length === 0) return;
  const held = finalPosition(turn);
  if (held === null) return;
  for (const call of pending.calls) {
    turn.emit({
      kind: "answer_recruit",
      call,
      result: {
        ok: true,
        answer: {
          position: held.position,
          rulesets: held.rulesets ?? [],
          voter: hasVote(turn),
          incarnation: turn.durable.incarnation,
          systemIdentifier: turn.durable.systemIdentifier,
          initial: foundingText(turn),
          leases: leasesLeft(turn.state()),
          promises: turn.durable.promises,
          seen: allSeen(turn.state()),
        },
      },
    });
  }
  turn.note(
    "info",
    "recruited",
    `answered ${pending.attempt.node} for term ${pending.term} with position ${formatPosition(held.position)}`,
    {
      term: Number(pending.term),
      position: formatPosition(held.position),
    },
  );
  turn.set({ pending: { ...pending, calls: [] } });
}

export function finalPosition(turn: Turn): Still | null {
  const { postgres } = turn.volatile;
  // Nothing that it holds counts, and the promise is given already: nobody has to wait for the end of a rewind.
  if (postgres.data === "torn") return { position: POSITION_EMPTY, rulesets: [] };
  if (postgres.op !== null) return null;
  if (postgres.data !== "present") return { position: { timeline: TERM_NONE, lsn: 0n }, rulesets: [] };
  return postgres.still;
}

export function onPromote(turn: Turn, call: string, from: Sender, request: PromoteRequest): void {
  const reply = (code: RefusalCode, reason: string) =>
    turn.emit({ kind: "answer_promote", call, result: refuse(turn, code, reason) });
  const { promise, promotionStarted } = turn.durable;
  const { leading, following } = turn.volatile;
  if (turn.volatile.stopping) return reply("stopping", `${turn.self} is being stopped`);
  const other = foreign(turn, from);
  if (other !== null) return reply("foreign_cluster", other);
  if (turn.config.witness === true) return reply("cannot_lead", `${turn.self} is a witness: it has no Postgres`);
  // A coordinator repeats its request until it is answered: the same one again changes nothing.
  if (leading !== null && leading.term === request.term && sameAttempt(leading.request.attempt, request.attempt)) {
    turn.emit({ kind: "answer_promote", call, result: { ok: true } });
    return;
  }
  if (promise.term !== request.term || !sameAttempt(promise.attempt, request.attempt)) {
    return reply(
      "not_promised",
      `${turn.self} has promised term ${promise.term}, not term ${request.term} to this attempt`,
    );
  }
  if (promotionStarted >= request.term)
    return reply(
      "promotion_already_started",
      `${turn.self} began a promotion under term ${promotionStarted} before; a term is promoted once`,
    );
  if (following !== null && following.term >= request.term)
    return reply("already_follows", `${turn.self} follows ${following.leader} under term ${following.term}`);
  if (hasLostItsData(turn.state())) return reply("non_voter", `${turn.self} has lost its data`);
  if (turn.durable.nonVoter) return reply("non_voter", `${turn.self} has no vote before it has caught up`);
  const held = finalPosition(turn);
  if (held === null) return reply("not_ready", `${turn.self} has not come to a standstill`);
  if (comparePositions(held.position, request.position) !== 0) {
    return reply(
      "position_moved",
      `${turn.self} stands at ${formatPosition(held.position)}, not at ${formatPosition(request.position)}`,
    );
  }
  // Founding discards a directory whose log holds no ruleset: only one that this node's own word says it founded.
  if (request.founding && turn.postgres.data === "present" && turn.durable.founding === TERM_NONE) {
    return reply("foreign_cluster", `${turn.self} holds a data directory that it did not found`);
  }
  if (request.founding && foundsNothing(turn))
    return reply("cannot_lead", `${turn.self} knows that the cluster exists: it founds none`);
  failPending(turn, "already_follows", `${turn.self} is promoted under term ${request.term}`);
  turn.promise({ promotionStarted: request.term, founding: request.founding ? request.term : turn.durable.founding });
  beginLease(turn, request.leases);
  beginLeading(turn, request);
  turn.emit({ kind: "answer_promote", call, result: { ok: true } });
}

export function onFollow(turn: Turn, call: string, from: Sender, request: FollowRequest): void {
  const reply = (code: RefusalCode, reason: string) =>
    turn.emit({ kind: "answer_follow", call, result: refuse(turn, code, reason) });
  const { promise } = turn.durable;
  const { leading } = turn.volatile;
  if (turn.volatile.stopping) return reply("stopping", `${turn.self} is being stopped`);
  const other =
    foreign(turn, from) ?? foreign(turn, { ...from, systemIdentifier: request.ready?.systemIdentifier ?? null });
  if (other !== null) return reply("foreign_cluster", other);
  if (request.term < promise.term) return reply("stale_term", `${turn.self} has promised term ${promise.term}`);
  if (request.term > TERM_MAX) return reply("stale_term", `term ${request.term} is beyond what a timeline can count`);
  if (request.leader === turn.self || (leading !== null && leading.term === request.term))
    return reply("already_follows", `${turn.self} leads term ${request.term} itself`);
  if (request.memberIncarnation !== turn.durable.incarnation) {
    return reply(
      "incarnation_unknown",
      `${turn.self} is incarnation ${turn.durable.incarnation}, the ruleset names ${request.memberIncarnation}: a wiped node is refused under its old name`,
    );
  }
  const { following } = turn.volatile;
  if (following !== null && following.term === request.term && following.leader !== request.leader) {
    // One leader a term (I3): whoever says otherwise is wrong, and is not believed.
    return reply("already_follows", `${turn.self} follows ${following.leader} under term ${request.term}`);
  }
  if (hasLostItsData(turn.state()) && turn.postgres.data !== "torn") {
    return reply(
      "non_voter",
      `${turn.self} held data before and its data directory is gone: bring it back, or remove its state directory as well, and it joins as a new node`,
    );
  }
  if (request.term > promise.term) turn.promise({ promise: { term: request.term, attempt: request.attempt } });
  acceptLeader(turn, request);
  turn.emit({ kind: "answer_follow", call, result: { ok: true, contained: containedIn(turn, request) } });
}

function acceptLeader(turn: Turn, request: FollowRequest): void {
  const current = turn.volatile.following;
  if (current !== null && current.term === request.term) {
    if (current.ready === null && request.ready !== null) turn.set({ following: { ...current, ready: request.ready } });
    return;
  }
  stepDown(turn, `follows ${request.leader} under term ${request.term}`);
  failPending(turn, "already_follows", `${turn.self} follows ${request.leader} under term ${request.term}`);
  if (turn.postgres.clone !== null && turn.postgres.clone.term !== request.term) cancelClone(turn);
  turn.set({
    following: {
      term: request.term,
      attempt: request.attempt,
      leader: request.leader,
      ready: request.ready,
      sinceMs: turn.nowMs,
    },
    leaderSeenMs: turn.nowMs,
    rejoin: null,
  });
  turn.note("info", "follows", `follows ${request.leader} under term ${request.term}`, {
    term: Number(request.term),
    leader: request.leader,
  });
}

function containedIn(turn: Turn, request: FollowRequest): boolean | null {
  const held = finalPosition(turn);
  return held === null || request.ready === null ? null : contains(request.ready.history, held.position);
}

/** A clone taken from the leader of another term is of no use, and must never be swapped in. */
export function cancelClone(turn: Turn): void {
  // Once the swap is under way the clone is the data: its report ends the operation.
  if (turn.postgres.clone === null || turn.postgres.op?.what === "swap") return;
  turn.background({ kind: "cancel_clone" });
  turn.setPostgres({ clone: null });
}
