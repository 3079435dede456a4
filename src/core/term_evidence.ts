/** Why a term began and how long each step took, as its leader knows it once it is established: for people, decides nothing. */
import type { Term } from "./log/position.js";
import type { ElectionPhases } from "./messages.js";
import type { NodeId } from "./ruleset/ruleset.js";
import type { State } from "./state.js";

export interface TermEvidence {
  readonly term: Term;
  readonly leader: NodeId;
  /** Whose sidecar ran the change of leadership. */
  readonly coordinator: NodeId;
  /** What the suspicion was founded on. */
  readonly cause: string;
  /** Who promised the term before the leader was chosen. */
  readonly recruited: readonly NodeId[];
  /** The cluster was founded with this term. */
  readonly founding: boolean;
  /** When the coordinator acted, in ms since 1970 by its clock; null, like its two phases, if it could not tell any more. */
  readonly startedUnixMs: number | null;
  readonly detectMs: number | null;
  readonly recruitMs: number | null;
  readonly promoteMs: number;
  readonly establishMs: number;
}

/**
 * Of an established leader, else null. Also null for a while after that, until its coordinator has said how long its own
 * part took: it only learns from this leader's status that it is done.
 */
export function termEvidence(state: State): TermEvidence | null {
  const { config, volatile } = state;
  const { leading, phases } = volatile;
  if (leading?.stage !== "established" || leading.establishedMs === null || phases?.term !== leading.term) return null;
  const { term, request } = leading;
  const coordinator = request.attempt.node;
  const told =
    coordinator === config.self ? ownPart(state) : (volatile.peers[coordinator]?.status?.facts.phases ?? null);
  const part = told?.term === term ? told : null;
  if (part === null && volatile.nowMs - leading.establishedMs < 2 * config.timings.detectMs) return null;
  return {
    term,
    leader: config.self,
    coordinator,
    cause: request.cause,
    recruited: request.recruited,
    founding: request.founding,
    startedUnixMs: part?.startedUnixMs ?? null,
    detectMs: part?.detectMs ?? null,
    recruitMs: part?.recruitMs ?? null,
    promoteMs: phases.promoteMs,
    establishMs: phases.establishMs,
  };
}

/** While its election goes on, a coordinator that leads as well has only the leader's part. */
function ownPart({ volatile }: State): ElectionPhases | null {
  return volatile.election.stage === "idle" ? volatile.phases : null;
}
