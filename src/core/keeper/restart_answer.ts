import type { HandoverResult, RestartOrder, RestartRefusal, RestartResult } from "../orders.js";
import type { Turn } from "../turn.js";

/** Ends the restart that is being carried out, if it is this call's. */
export function answerRestart(turn: Turn, call: string, result: RestartResult): void {
  if (turn.volatile.restart?.call === call) turn.set({ restart: null });
  turn.emit({ kind: "answer_restart", call, result });
}

export function refuseRestart(turn: Turn, call: string, refusal: RestartRefusal): void {
  const { code, reason, missing, nextStep } = refusal;
  turn.note("warn", "restart_refused", `Postgres goes on as it is: ${reason}; next: ${nextStep}`, { code, missing });
  answerRestart(turn, call, { kind: "refused", refusal });
}

/**
 * A leader that is to be restarted hands over first. Once its door is shut its Postgres is started again whatever happens:
 * as a follower, or as the leader of a higher term, if nobody else came in time.
 */
export function onHandedOver(turn: Turn, order: RestartOrder, result: HandoverResult): void {
  if (result.kind === "refused") return refuseRestart(turn, order.call, result.refusal);
  turn.set({ restart: { ...order, stage: "returning" } });
}
