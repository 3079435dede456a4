/** An operator's order to take nodes into the cohort or out of it, whoever else is in it by then. */
import type { WantedMember } from "../ruleset/wanted.js";
import type { Turn } from "../turn.js";
import { onChangeRuleset } from "./change.js";
import { shownIncarnation } from "./followers.js";

export interface CohortOrder {
  readonly join: readonly string[];
  readonly remove: readonly string[];
  /** How long to wait for the new quorum to be connected and caught up, in ms; 0 to be refused at once. */
  readonly waitMs: number;
  /** Why, for the history. */
  readonly cause: string;
}

export function onChangeCohort(turn: Turn, call: string, { join, remove, waitMs, cause }: CohortOrder): void {
  const members = turn.volatile.leading?.ruleset.cohort ?? [];
  const kept = members.map(({ id }) => id).filter((id) => !remove.includes(id) && !join.includes(id));
  const cohort = [...kept.map(asItIs), ...join.map((id) => asItShows(turn, id))];
  onChangeRuleset(turn, call, { policy: null, cohort, waitMs, cause });
}

function asItIs(id: string): WantedMember {
  return { id, incarnation: null, labels: null, eligible: null };
}

/** One that was wiped is put in its old place; a new one brings its labels along. */
function asItShows(turn: Turn, id: string): WantedMember {
  const member = turn.volatile.leading?.ruleset.cohort.find((m) => m.id === id);
  const labels = member === undefined ? (turn.volatile.peers[id]?.status?.facts.labels ?? null) : null;
  return { ...asItIs(id), incarnation: shownIncarnation(turn, id) ?? null, labels };
}
