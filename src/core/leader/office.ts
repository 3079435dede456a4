import { assert } from "../assert.js";
import { changedLeading } from "../copies.js";
import type { OpId } from "../effects.js";
import { LSN_ZERO } from "../log/lsn.js";
import type { PromoteRequest } from "../messages.js";
import { followersOf } from "../quorum/minimal_quorums.js";
import { compileNative, formatNames } from "../quorum/sync_standby_names.js";
import type { Ruleset } from "../ruleset/ruleset.js";
import type { Leading } from "../state.js";
import type { Turn } from "../turn.js";
import { answerOnLeaving } from "./change_answer.js";

/** Changes the term in office. */
export function updateLeading(turn: Turn, change: Partial<Leading>): void {
  const { leading } = turn.volatile;
  assert(leading !== null, "only a leader's term is updated");
  turn.set({ leading: changedLeading(leading, change) });
}

/** Takes office: the promise and `promotionStarted` are raised in the same step, so they are on disk before Postgres hears of it. */
export function beginLeading(turn: Turn, request: PromoteRequest): void {
  assert(turn.durable.promotionStarted === request.term, "a promotion is persisted before it begins");
  const obliged = [...request.obliged];
  const compiled = compileNative(obliged, turn.self);
  if (!compiled.ok) {
    // The coordinator asked the same question before it sent Promote; only a newer program could get here.
    turn.note("error", "not_enforceable", `cannot lead term ${request.term}: ${compiled.reason}`, {
      term: Number(request.term),
    });
    return;
  }
  const names = formatNames(compiled.rule, request.term);
  const leading = openTerm(turn, request, obliged, names);
  turn.set({ following: null, leading });
  turn.operate(
    {
      kind: "promote",
      term: request.term,
      position: request.position,
      names,
      followers: leading.served,
      founding: request.founding,
    },
    request.term,
  );
  turn.setPostgres({ still: null, receiver: null, streaming: false, primaryGone: false });
  turn.note("info", "promoting", `is being promoted under term ${request.term}`, { term: Number(request.term), names });
}

/** A term in office of which nothing is done yet but the choice. */
export function openTerm(turn: Turn, request: PromoteRequest, obliged: readonly Ruleset[], names: string): Leading {
  const members = [...obliged, request.ruleset].flatMap((ruleset) => ruleset.cohort);
  const seats = Object.fromEntries(members.map((m) => [m.id, m.incarnation]));
  const served = followersOf([...obliged, request.ruleset], turn.self).map((id) => ({
    id,
    incarnation: seats[id] ?? "",
  }));
  return {
    term: request.term,
    request,
    stage: "promoting",
    history: null,
    systemIdentifier: null,
    obliged,
    names,
    ruleset: request.ruleset,
    number: { term: request.term, subterm: 0 },
    subterm: 0,
    change: null,
    seats,
    served,
    serving: served,
    sweepAtMs: null,
    replaceAtMs: 0,
    voidWritten: false,
    firstRecord: null,
    mark: "none",
    senders: {},
    flushLsn: LSN_ZERO,
    quorumLsn: LSN_ZERO,
    followSentMs: {},
    startedMs: turn.nowMs,
    promotedMs: turn.nowMs,
    establishedMs: null,
    checkpoint: "due",
    refusedSinceMs: null,
    ends: {},
  };
}

/** Leaves office for good: a term that ended is never resumed. The keeper sees a primary that nobody wants and fences it. */
export function stepDown(turn: Turn, why: string): void {
  const { leading } = turn.volatile;
  if (leading === null) return;
  answerOnLeaving(turn, leading, why);
  turn.set({ leading: null });
  // By a certain moment nobody may be served here any more. A fence in its turn would wait for the operation under way, or,
  // where Postgres died and left sessions behind, for its next start.
  if (leading.stage === "established" && turn.config.timings.leaseMs > 0) turn.background({ kind: "emergency_fence" });
  // It is fenced at once, whatever failed before.
  turn.setPostgres({ still: null, retryAtMs: turn.nowMs });
  turn.note("warn", "stepped_down", `leads term ${leading.term} no more: ${why}`, {
    term: Number(leading.term),
    reason: why,
  });
}

/** Its checkpoint since the promotion is done: from now on others may rewind from it. */
export function onCheckpointed(turn: Turn, op: OpId): void {
  const { leading } = turn.volatile;
  // An older one may be of another term.
  if (leading?.checkpoint === op) updateLeading(turn, { checkpoint: "done" });
}
