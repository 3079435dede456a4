/**
 * Pause: nobody starts an election by itself; promises, and what an operator orders, go on. The newest order spreads with
 * the statuses, and every node keeps it in its state file: no leader is needed for it, since it may be wanted when there is none.
 */
import { foreign } from "./acceptor/acceptor.js";
import type { NodeStatus } from "./messages.js";
import type { Pause } from "./orders.js";
import type { Turn } from "./turn.js";

/** An operator pauses elections, or resumes them. */
export function onSetPause(turn: Turn, call: string, paused: boolean): void {
  const before = turn.durable.pause;
  if (before.paused !== paused) adopt(turn, { paused, number: before.number + 1, by: turn.self });
  turn.emit({ kind: "answer_pause", call, result: { pause: turn.durable.pause } });
}

export function hearPause(turn: Turn, { node, incarnation, systemIdentifier, pause }: NodeStatus): void {
  if (foreign(turn, { node, incarnation, systemIdentifier }) !== null) return;
  if (pause.number > turn.durable.pause.number) adopt(turn, pause);
}

function adopt(turn: Turn, pause: Pause): void {
  const before = turn.durable.pause;
  turn.promise({ pause });
  if (pause.paused === before.paused) return;
  if (pause.paused)
    turn.note(
      "warn",
      "paused",
      `elections are paused by an order given to ${pause.by}: a leader that dies is not replaced`,
      {
        by: pause.by,
        number: pause.number,
      },
    );
  else
    turn.note("info", "resumed", `elections are resumed by an order given to ${pause.by}`, {
      by: pause.by,
      number: pause.number,
    });
}
