/**
 * The reduction: two states of a node that differ only in what decides nothing become one.
 *
 * Time. Every step is taken at the same moment, `NOW`. Every stamp in a state is either long ago (0) or never (`NEVER`),
 * whichever lets nothing happen by itself; the search lets it happen by an action of its own (`elect`, `stop waiting`).
 * A deadline is thus due at any moment or at none, which is more than any real clock allows. What is lost: two deadlines
 * of one node that fall due in one and the same step.
 *
 * Peers. What was heard of others is forgotten after each step. For safety it decides two things: the term that is tried
 * next (one above the highest heard: the search tries each) and whether a restored snapshot votes (there is none here, so
 * nor is it kept who promised what under which start of a sidecar).
 * All the rest (who suspects whom, the pre-vote, ranks) decides only whether an election begins, and the search lets one
 * begin at any moment: more than the core allows.
 *
 * Elections. A coordinator that sent `Promote` only waits from then on: it is idle, and may begin again at any time. One
 * that recruits may give up at any time. So refusals, and the answers to `Promote` and `Follow`, need not be delivered.
 *
 * Numbers of operations are renamed (one exclusive operation and one clone are under way at most), so a report that was
 * overtaken is not among the events: the core compares numbers, which scripts and the simulator try. A nonce names node and
 * boot; no boot tries a term twice, since its own promise is raised with each attempt before anything else is done.
 *
 * Facts for people (phases, faults, percentages, statuses published, estimates of positions) go.
 */
import type { Election } from "../../../src/core/coordinator/election.js";
import type { LocalPostgres } from "../../../src/core/postgres_known.js";
import type { State, Volatile } from "../../../src/core/state.js";
import { initialState } from "../../../src/core/state.js";

export const NOW = 1_000_000;
export const NEVER = 1e12;
export const STAMP = { nowMs: NOW, jitter: 0 };
export const OP = 1;
export const CLONE_OP = 2;
/** Numbers given in a step begin here, so that they are never those of operations under way. */
const NEXT_OP = 10;

export function canonical(state: State, opInFlight: boolean): State {
  const { volatile } = state;
  const fresh = initialState(state.config, state.durable, { present: false, oldKept: false }, 0).volatile;
  const kept: Volatile = {
    ...fresh,
    nowMs: NOW,
    nextOp: NEXT_OP,
    postgres: postgresOf(volatile.postgres, fresh.postgres, opInFlight),
    pending: volatile.pending && { ...volatile.pending, calls: [...new Set(volatile.pending.calls)].sort() },
    following: volatile.following && { ...volatile.following, sinceMs: 0 },
    leading: volatile.leading && {
      ...volatile.leading,
      senders: {},
      flushLsn: 0n,
      followSentMs: {},
      startedMs: 0,
      promotedMs: 0,
      establishedMs: volatile.leading.establishedMs === null ? null : 0,
      checkpoint: "done",
      refusedSinceMs: null,
      replaceAtMs: 0,
    },
    election: electionOf(volatile.election),
    leaderSeenMs: 0,
  };
  return { config: state.config, durable: { ...state.durable, promises: [] }, volatile: kept };
}

function postgresOf(now: LocalPostgres, fresh: LocalPostgres, opInFlight: boolean): LocalPostgres {
  const { data, process, still, receiver, op, clone, position, rulesets, door } = now;
  return {
    ...fresh,
    data,
    process,
    still,
    receiver: receiver && { ...receiver, dialledMs: NEVER },
    op: op === null || !opInFlight ? null : { ...op, id: OP },
    clone: clone && { ...clone, op: CLONE_OP, startedMs: 0, percent: 0 },
    // The final one of the last standstill; while WAL arrives it is an estimate, for the pre-vote.
    position: still?.position ?? { timeline: position.timeline, lsn: 0n },
    rulesets,
    door,
    observing: "",
  };
}

function electionOf(election: Election): Election {
  if (election.stage !== "recruiting") return { stage: "idle", notBeforeMs: NEVER, fruitless: 0 };
  return {
    ...election,
    cause: "",
    suspectedMs: 0,
    startedMs: 0,
    askAgainMs: NEVER,
    graceUntilMs: 0,
    askLateMs: 0,
    awaitAllUntilMs: NEVER,
    asked: [...election.asked].sort(),
    answers: Object.fromEntries(Object.entries(election.answers).sort(([a], [b]) => (a < b ? -1 : 1))),
    refusals: {},
    fruitless: 0,
  };
}

/** Text that is equal exactly if two values are. */
export function textOfValue(value: unknown): string {
  return JSON.stringify(value, (_, v: unknown) => (typeof v === "bigint" ? `${v}n` : v));
}
