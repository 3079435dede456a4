/**
 * A sidecar that starts and finds its Postgres running goes on with it, if it can prove what it is (so that an upgrade of the
 * sidecar burns no term and costs no write). The proof is that this start is no different from a sidecar that was
 * paused for as long as it was away: the same durable word, the same process, the same settings in force. Everything that
 * may have happened meanwhile then meets it as it would meet one that was paused: names of its own term let no commit
 * through without followers of that term, and a higher promise ends the term when it is heard of. In doubt nothing is
 * adopted: the first operation fences what runs and starts it safely.
 */
import type { SenderSeen } from "../events.js";
import { onObserved } from "../leader/leader.js";
import { openTerm } from "../leader/office.js";
import type { LeftBehind } from "../lease/left_behind.js";
import type { History } from "../log/history.js";
import { switchPoint } from "../log/history.js";
import type { Lsn } from "../log/lsn.js";
import type { Term } from "../log/position.js";
import { TERM_NONE } from "../log/position.js";
import { compileNative, formatNames } from "../quorum/sync_standby_names.js";
import { compact, type InForce, inForce } from "../ruleset/in_force.js";
import type { NodeId, RulesetRecord } from "../ruleset/ruleset.js";
import { compareNumbers, memberOf } from "../ruleset/ruleset.js";
import type { Leading } from "../state.js";
import type { Turn } from "../turn.js";

/** A Postgres that ran when the sidecar started: the very process that a sidecar of this node started, in this directory. */
export interface FoundPostgres {
  readonly postmasterPid: number;
  readonly systemIdentifier: string;
  /** As a knock found it. */
  readonly door: "open" | "shut";
  /** Of the timeline that it writes or receives. */
  readonly history: History;
  readonly flushLsn: Lsn;
  /** All records of its table of rulesets, oldest first; of a standby, those it has replayed. */
  readonly rulesets: readonly RulesetRecord[];
  readonly as: FoundPrimary | FoundStandby;
}

export interface FoundPrimary {
  readonly kind: "primary";
  /** synchronous_standby_names as a connection shows it that was opened to look. */
  readonly names: string;
  /** Who streams from it. */
  readonly senders: readonly SenderSeen[];
  /** What the sidecar before left it with; null if nobody knows. */
  readonly left: LeftBehind | null;
}

/** It streams from this leader, under this term. */
export interface FoundStandby {
  readonly kind: "standby";
  readonly leader: NodeId;
  readonly term: Term;
}

/** The first event of a start that found a Postgres. Until it was decided on, nothing is said to anybody. */
export function onFound(turn: Turn, found: FoundPostgres): void {
  const { as, postmasterPid } = found;
  const doubt = doubtsOf(turn, found) ?? (as.kind === "primary" ? lead(turn, found, as) : follow(turn, found, as));
  const data = { term: Number(found.history.timeline), postmaster: postmasterPid, as: as.kind };
  if (doubt !== null) {
    const text = `the Postgres that runs here is ended and started safely: ${doubt}`;
    return turn.note("warn", "not_adopted", text, { ...data, reason: doubt });
  }
  const role = as.kind === "primary" ? "the leader of" : "a follower in";
  turn.note("info", "adopted", `goes on with the Postgres that runs, ${role} term ${found.history.timeline}`, data);
  turn.background({ kind: "adopt", followers: turn.volatile.leading?.serving ?? [] });
  if (as.kind !== "primary") return;
  const { flushLsn } = found;
  const { names, senders } = as;
  onObserved(turn, { flushLsn, replayLsn: null, postmasterPid, streaming: false, names, senders, rulesets: null });
}

/** What holds for a leader and a follower alike. */
function doubtsOf(turn: Turn, found: FoundPostgres): string | null {
  const { durable, config } = turn;
  const { promise, held, founding, joining, nonVoter, systemIdentifier } = durable;
  if (config.witness === true) return "a witness has no Postgres";
  if (!held || founding !== TERM_NONE || joining !== TERM_NONE) return "its data was being made";
  if (nonVoter) return "this node has no vote until it has caught up";
  if (systemIdentifier !== found.systemIdentifier) return `it is of system ${found.systemIdentifier}`;
  const under = found.as.kind === "standby" ? found.as.term : found.history.timeline;
  if (under !== promise.term || found.history.timeline !== under)
    return `it is of term ${under} on timeline ${found.history.timeline}, and term ${promise.term} was promised`;
  // Merely following, or having been promoted, without a record of the timeline (DESIGN 3).
  if (found.flushLsn <= (switchPoint(found.history) ?? found.flushLsn)) return "it holds no record of its timeline";
  if (promise.attempt === null) return `term ${promise.term} was promised by a start that is forgotten`;
  return null;
}

/** Takes up the term that it led: null, or why not. */
function lead(turn: Turn, found: FoundPostgres, primary: FoundPrimary): string | null {
  const { promise } = turn.durable;
  const { leaseMs } = turn.config.timings;
  const rules = inForce(found.rulesets);
  if (rules === undefined) return "its table of rulesets is empty";
  const begun = switchPoint(found.history);
  if (primary.left === null) return "nobody knows what the sidecar before left behind";
  // Of this very term, and as long as it holds: what is over was told of another time.
  const { term: of, untilMs, settled } = primary.left;
  if (of !== promise.term || untilMs <= turn.nowMs) return "the lease that it was served under is over";
  // Of records alone nobody can tell whether those before them were let go.
  if (begun === undefined || compareNumbers(rules.newestNumber, settled) !== 0)
    return `its rules are not those that were settled in term ${promise.term}`;
  // A term whose door was shut is never resumed: it was being handed over (DESIGN 5).
  if (found.door === "shut") return "its door is shut: it was handing over, or was not open yet";
  const term = termFound(turn, found, rules, { names: primary.names, begun });
  if (typeof term === "string") return term;
  turn.set({
    leading: { ...term, history: found.history, flushLsn: found.flushLsn, mark: found.flushLsn },
    leaderSeenMs: turn.nowMs,
    lease: { ...turn.volatile.lease, servesUntilMs: leaseMs > 0 ? untilMs : 0 },
  });
  runs(turn, found);
  return null;
}

/** The term in office as the sidecar before had it; or why the names in force are not its own. */
function termFound(
  turn: Turn,
  found: FoundPostgres,
  rules: InForce,
  { names, begun }: { readonly names: string; readonly begun: Lsn },
): Leading | string {
  const { promise, incarnation, systemIdentifier } = turn.durable;
  const ruleset = rules.newest;
  const member = memberOf(ruleset, turn.self);
  if (promise.attempt === null || member?.incarnation !== incarnation || !member.eligible)
    return "its rules do not let it lead";
  const { term, attempt } = promise;
  const subterm = Math.max(...found.rulesets.filter((r) => r.number.term === term).map((r) => r.number.subterm));
  // Names that leave a member out tell that somebody else has its seat (hole H8).
  const compiled = compileNative([ruleset], turn.self);
  const wanted = compiled.ok ? formatNames(compiled.rule, term) : compiled.reason;
  if (names !== wanted) return `synchronous_standby_names is '${names}', not '${wanted}'`;
  const request = {
    ...{ term, attempt, obliged: [ruleset], ruleset, voids: null, founding: false, recruited: [], leases: [] },
    ...{ position: { timeline: term, lsn: begun }, cause: "its sidecar was started again" },
  };
  return {
    ...openTerm(turn, request, [ruleset], names),
    ...{ stage: "established", establishedMs: turn.nowMs, systemIdentifier, voidWritten: true },
    ...{ number: rules.newestNumber, subterm, sweepAtMs: turn.nowMs + turn.config.timings.heardAgainMs },
    // The first record came after the timeline's beginning, and a quorum had it.
    ...{ firstRecord: begun, quorumLsn: begun },
    // Put in force once more, behind the barrier: the sidecar before may have been in the middle of undoing a foreign value.
    names: "",
  };
}

/** Goes on following the leader whose WAL still comes in. */
function follow(turn: Turn, found: FoundPostgres, { leader, term }: FoundStandby): string | null {
  const { attempt } = turn.durable.promise;
  const rules = inForce(found.rulesets);
  if (attempt === null || rules === undefined) return "its table of rulesets is empty";
  // Who streams from where is told by an address, which may have been another node's when the configuration was written.
  if (!rules.all.some((ruleset) => memberOf(ruleset, leader) !== undefined))
    return `no ruleset in force names ${leader}, from which it seems to stream`;
  const { history, systemIdentifier } = found;
  const ready = { history, systemIdentifier };
  turn.set({ following: { term, attempt, leader, ready, sinceMs: turn.nowMs } });
  runs(turn, found);
  turn.setPostgres({ receiver: { leader, term, dialledMs: turn.nowMs }, streaming: true });
  return null;
}

function runs(turn: Turn, { history, flushLsn, rulesets, door, postmasterPid }: FoundPostgres): void {
  const position = { timeline: history.timeline, lsn: flushLsn };
  turn.setPostgres({ process: "running", position, flushLsn, rulesets: compact(rulesets), door, postmasterPid });
}
