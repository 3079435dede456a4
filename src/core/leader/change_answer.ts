import type { ChangeRefusal, ChangeResult } from "../ruleset/wanted.js";
import type { Leading } from "../state.js";
import type { Turn } from "../turn.js";

/** A change that the leader makes by itself has nobody to answer. */
export function answerChange(turn: Turn, call: string | null, result: ChangeResult): void {
  if (call !== null) turn.emit({ kind: "answer_change", call, result });
}

export function refuseChange(turn: Turn, call: string | null, refusal: ChangeRefusal): void {
  turn.note("warn", "change_refused", `the rules stay as they are: ${refusal.reason}; next: ${refusal.nextStep}`, {
    code: refusal.code,
    missing: refusal.missing,
  });
  answerChange(turn, call, { kind: "refused", refusal });
}

/** A leader that leaves office says what became of the change it had under way. */
export function answerOnLeaving(turn: Turn, leading: Leading, why: string): void {
  const { change } = leading;
  if (change === null) return;
  if (change.stage === "waiting" || change.stage === "joining") {
    return refuseChange(turn, change.call, {
      code: "not_leader",
      reason: `${turn.self} leads term ${leading.term} no more: ${why}`,
      missing: [],
      nextStep: "ask the next leader",
    });
  }
  if (change.stage === "enforcing") return answerChange(turn, change.call, { kind: "done", number: change.number });
  const number = `(${change.number.term}, ${change.number.subterm})`;
  const standing =
    change.stage === "voided"
      ? `the void of ruleset ${number} was not durable`
      : `ruleset ${number} was ${change.stage}`;
  const reason = `${turn.self} left office while ${standing}: ${why}`;
  turn.note("warn", "change_left_undecided", reason, { term: Number(leading.term), stage: change.stage });
  answerChange(turn, change.call, {
    kind: "unknown",
    reason,
    nextStep:
      "its successor finishes the change or voids it: look at the rules in force, and ask again if they are the old ones",
  });
}
