/**
 * The leader's records stand in a table of the database, where whoever may can drop them; and once every sidecar has
 * been restarted, nobody would know any more by which rules to elect. So the leader looks, and writes them again.
 */
import type { RulesetRecord } from "../ruleset/ruleset.js";
import { compareNumbers } from "../ruleset/ruleset.js";
import type { Turn } from "../turn.js";

/**
 * Only once its mark is durable, so that nothing older obliges anybody: then the same proposal under the same number, and
 * its mark, are all there is to say. To a log that still has them they are repetitions, which change nothing; in one that
 * lost everything the proposal is the first, and counts as decided, as it was. A leader that was replaced meanwhile writes
 * on a tail that no quorum has, as with every other record of its term.
 */
export function onRecordsSeen(turn: Turn, records: readonly RulesetRecord[]): void {
  const { leading } = turn.volatile;
  if (leading?.stage !== "established" || leading.mark !== "durable" || leading.change !== null) return;
  const stands = (state: RulesetRecord["state"]) =>
    records.some((record) => record.state === state && compareNumbers(record.number, leading.number) === 0);
  if (stands("proposed") && stands("decided")) return;
  turn.set({ leading: { ...leading, mark: "lost" } });
  turn.note(
    "error",
    "records_lost",
    `ruleset (${leading.number.term}, ${leading.number.subterm}) is gone from quorate.ruleset_history, dropped or deleted by somebody; it is written again`,
    { term: Number(leading.term) },
  );
}
