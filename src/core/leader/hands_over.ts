import type { Turn } from "../turn.js";

/** Whether this leader has shut its door for a switchover: it does nothing else any more in this term. */
export function isHandingOver(turn: Turn): boolean {
  const { mandate, leading } = turn.volatile;
  return mandate?.kind === "switchover" && mandate.stage !== "waiting" && leading?.term === mandate.term;
}
