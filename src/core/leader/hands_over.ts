import type { State } from "../state.js";

/** Whether this leader has shut its door for a switchover: it does nothing else any more in this term. */
export function isHandingOver({ volatile }: Pick<State, "volatile">): boolean {
  const { mandate, leading } = volatile;
  return mandate?.kind === "switchover" && mandate.stage !== "waiting" && leading?.term === mandate.term;
}
