import { onHandedOver } from "../keeper/restart_answer.js";
import type { HandoverRefusal, HandoverResult } from "../orders.js";
import type { Turn } from "../turn.js";

/** Ends the order that is being carried out, if it is this call's. */
export function answerHandover(turn: Turn, call: string | null, result: HandoverResult): void {
  if (turn.volatile.mandate?.call === call) turn.set({ mandate: null });
  if (call === null) return;
  if (turn.volatile.restart?.call === call) return onHandedOver(turn, turn.volatile.restart, result);
  turn.emit({ kind: "answer_handover", call, result });
}

export function refuseHandover(turn: Turn, call: string | null, refusal: HandoverRefusal): void {
  turn.note("warn", "handover_refused", `the leader stays: ${refusal.reason}; next: ${refusal.nextStep}`, {
    code: refusal.code,
    missing: refusal.missing,
  });
  answerHandover(turn, call, { kind: "refused", refusal });
}
