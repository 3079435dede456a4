import { LAG_CAUGHT_UP_BYTES } from "../limits.js";
import type { Member } from "../ruleset/ruleset.js";
import type { Leading } from "../state.js";
import type { Turn } from "../turn.js";
import { startChange } from "./change.js";
import { updateLeading } from "./office.js";

/**
 * A node that was wiped came back as another incarnation, was let in as an observer and has caught up: the leader puts
 * it in its old place by a change of the rules, by itself (DESIGN 6).
 */
export function replaceWiped(turn: Turn): void {
  const { leading, postgres } = turn.volatile;
  if (!turn.config.admitObservers || leading?.mark !== "durable" || leading.change !== null || postgres.op !== null)
    return;
  if (turn.nowMs < leading.replaceAtMs || turn.volatile.mandate !== null) return;
  const { cohort } = leading.ruleset;
  const back = cohort.filter((m) => isBack(leading, m)).map((m) => m.id);
  if (back.length === 0) return;
  // Should it come to nothing, it is tried again, but not at every step.
  updateLeading(turn, { replaceAtMs: turn.nowMs + 2 * turn.config.timings.changeMs });
  turn.note(
    "info",
    "replaces_wiped",
    `${back.join(", ")} came back without what it had: the rules are to name it as it is`,
    {
      nodes: back,
    },
  );
  startChange(turn, null, {
    policy: null,
    cohort: cohort.map(({ id, incarnation }) => ({
      id,
      incarnation: back.includes(id) ? (leading.seats[id] ?? incarnation) : incarnation,
      labels: null,
      eligible: null,
    })),
    waitMs: 0,
    cause: `${back.join(", ")} came back without the data and the promises it had`,
  });
}

function isBack(leading: Leading, { id, incarnation }: Member): boolean {
  const sender = leading.senders[id];
  const seat = leading.seats[id];
  if (sender === undefined || seat === undefined || seat === incarnation) return false;
  return sender.flushLsn + LAG_CAUGHT_UP_BYTES >= leading.quorumLsn;
}
