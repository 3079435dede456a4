/**
 * The coordinator: one change of leadership.
 *
 * idle → (suspicion, pre-vote on statuses) → recruiting a term → (enough answers, choice) → promoting its candidate
 * → idle. A term is used up only by being outbid, by losing the attempt's identity, or by a `Promote` that was sent:
 * with too few answers it asks again under the same term.
 */

import { isFresh, knownLeader } from "../detector/detector.js";
import type { Unreachable } from "../events.js";
import { FRUITLESS_ELECTIONS_PER_HOUR_MAX } from "../limits.js";
import type { Term } from "../log/position.js";
import { TERM_FIRST, TERM_NONE } from "../log/position.js";
import type {
  Blocked,
  ElectionPhases,
  PromoteRequest,
  PromoteResult,
  RecruitRequest,
  RecruitResult,
} from "../messages.js";
import { sameAttempt } from "../messages.js";
import type { NodeId } from "../ruleset/ruleset.js";
import type { Election, Promoting, Recruiting, Suspicion } from "../state.js";
import { hasLostItsData } from "../state.js";
import type { Turn } from "../turn.js";
import type { Answer, Proposal } from "./decide.js";
import { decide } from "./decide.js";
import { answersFromStatuses, byRank, isUp, rankOf } from "./standing.js";

/** Called after every event: starts, goes on with, or ends a change of leadership. */
export function coordinate(turn: Turn): void {
  const { election } = turn.volatile;
  switch (election.stage) {
    case "idle":
      return considerElection(turn, election);
    case "recruiting":
      return goOnRecruiting(turn, election);
    case "promoting":
      return goOnPromoting(turn, election);
  }
}

function considerElection(turn: Turn, idle: Extract<Election, { stage: "idle" }>): void {
  const reason = turn.volatile.suspicion ?? refusedByAMember(turn);
  if (reason === null) {
    if (turn.volatile.blocked !== null) turn.set({ blocked: null });
    if (idle.fruitless > 0 && turn.volatile.leaderSeenMs === turn.nowMs)
      turn.set({ election: { ...idle, fruitless: 0 } });
    return;
  }
  if (turn.volatile.stopping || hasLostItsData(turn.state())) return;
  const decision = decide(answersFromStatuses(turn.state(), reason), turn.config.initial, byRank(turn.state()));
  if (!decision.ok) {
    turn.set({ blocked: decision.blocked });
    noteBlocked(turn, decision.blocked, reason);
    return;
  }
  turn.set({ blocked: null });
  if (
    turn.nowMs < idle.notBeforeMs ||
    turn.nowMs < reason.sinceMs + rankOf(turn.state()) * turn.config.timings.rankDelayMs
  )
    return;
  // One that has been at it for long without success may see less of the cluster than this node does.
  if (someoneElects(turn) && turn.nowMs - reason.sinceMs < 2 * turn.config.timings.detectMs) return;
  begin(turn, reason, idle.fruitless);
}

/** Once for each cause, and not before the others had time to say what they see. */
function noteBlocked(turn: Turn, blocked: Blocked, reason: Suspicion): void {
  const key = `${reason.term}/${blocked.code}/${blocked.missing.join()}`;
  if (key === turn.volatile.blockedNoted || turn.nowMs - reason.sinceMs < 2 * turn.config.timings.heartbeatMs) return;
  turn.set({ blockedNoted: key });
  turn.note("warn", `blocked_${blocked.code}`, `${blocked.reason}; next: ${blocked.nextStep}`, {
    missing: blocked.missing,
  });
}

/** A leader whose member has promised a higher term: that member refuses it for good, so a higher term is won (DESIGN 5). */
function refusedByAMember(turn: Turn): Suspicion | null {
  const { leading } = turn.volatile;
  if (leading === null || leading.refusedSinceMs === null || leading.stage !== "established") return null;
  if (turn.nowMs - leading.refusedSinceMs < turn.config.timings.detectMs) return null;
  return {
    term: leading.term,
    leader: turn.self,
    firstHand: true,
    cause: `a member has promised a term above ${leading.term} and refuses this one`,
    sinceMs: leading.refusedSinceMs,
  };
}

/** Another coordinator is at work; two at once would only outbid one another. */
function someoneElects(turn: Turn): boolean {
  const state = turn.state();
  const seen = highestTerm(turn);
  return Object.values(turn.volatile.peers).some(
    (peer) => isFresh(state, peer) && peer.status.electing > TERM_NONE && peer.status.electing >= seen,
  );
}

/** The highest term this node has seen anywhere: the next attempt is one above it. */
export function highestTerm(turn: Turn): Term {
  let highest = turn.durable.promise.term;
  const raise = (term: Term) => {
    if (term > highest) highest = term;
  };
  raise(turn.durable.promotionStarted);
  raise(turn.postgres.position.timeline);
  raise(knownLeader(turn.state())?.term ?? TERM_NONE);
  for (const { status } of Object.values(turn.volatile.peers)) {
    if (status === null) continue;
    raise(status.promise);
    raise(status.ledUntil);
    raise(status.position.timeline);
  }
  return highest;
}

function begin(turn: Turn, reason: Suspicion, fruitless: number): void {
  const { timings } = turn.config;
  const next = highestTerm(turn) + 1n;
  const term = next < TERM_FIRST ? TERM_FIRST : next;
  // The boot nonce and the operation number make the attempt unique, also over restarts.
  const attempt = { node: turn.self, nonce: `${turn.config.boot}-${turn.volatile.nextOp}` };
  const started = reason.term === TERM_NONE ? turn.volatile.startedMs : turn.nowMs;
  const election: Recruiting = {
    stage: "recruiting",
    term,
    attempt,
    cause: reason.cause,
    suspectedMs: reason.sinceMs,
    startedMs: turn.nowMs,
    askAgainMs: turn.nowMs + timings.askAgainMs,
    graceUntilMs: turn.nowMs + timings.graceMs,
    askLateMs: turn.nowMs + timings.askLateMs,
    awaitAllUntilMs: reason.term === TERM_NONE ? started + 2 * timings.detectMs : turn.nowMs,
    asked: [],
    answers: {},
    refusals: {},
    fruitless,
  };
  turn.set({ election, nextOp: turn.volatile.nextOp + 1 });
  turn.note("info", "recruiting", `asks for term ${term}: ${reason.cause}`, {
    term: Number(term),
    cause: reason.cause,
    first_hand: reason.firstHand,
  });
  goOnRecruiting(turn, election);
}

/** Everybody who may have a say: the cohorts of every ruleset learned, and of the configuration. */
function electorate(turn: Turn, election: Recruiting): NodeId[] {
  const logs = [turn.postgres.rulesets, ...Object.values(election.answers).map((a) => a.rulesets)];
  const ids = new Set(turn.config.initial.nodes.map((n) => n.id));
  for (const log of logs)
    for (const record of log) for (const member of record.ruleset?.cohort ?? []) ids.add(member.id);
  return [...ids].sort();
}

function goOnRecruiting(turn: Turn, was: Recruiting): void {
  let election = was;
  if (overtaken(turn, election)) return giveUp(turn, election, "another leader took office meanwhile", false);
  if (turn.nowMs >= election.askAgainMs) {
    election = {
      ...election,
      asked: election.asked.filter((id) => election.answers[id] !== undefined || election.refusals[id] !== undefined),
      askAgainMs: turn.nowMs + turn.config.timings.askAgainMs,
    };
  }
  election = ask(turn, election);
  turn.set({ election });
  conclude(turn, election);
}

/** Nodes whose Postgres runs are asked at once; a dead one would have to start first, which takes processor time from the others. */
function ask(turn: Turn, election: Recruiting): Recruiting {
  const state = turn.state();
  const request: RecruitRequest = { term: election.term, attempt: election.attempt };
  const asked = [...election.asked];
  for (const id of electorate(turn, election)) {
    if (asked.includes(id)) continue;
    const peer = turn.volatile.peers[id];
    const quick = id === turn.self || (isFresh(state, peer) && isUp(peer.status));
    if (!quick && turn.nowMs < election.askLateMs) continue;
    asked.push(id);
    turn.emit({ kind: "send_recruit", to: id, request });
  }
  return { ...election, asked };
}

export function onRecruitResult(
  turn: Turn,
  peer: NodeId,
  request: RecruitRequest,
  result: RecruitResult | Unreachable,
): void {
  const { election } = turn.volatile;
  if (
    election.stage !== "recruiting" ||
    election.term !== request.term ||
    !sameAttempt(election.attempt, request.attempt)
  )
    return;
  if (result.ok === "unreachable") return;
  if (result.ok) turn.set({ election: { ...election, answers: { ...election.answers, [peer]: result.answer } } });
  else if (result.refusal.code !== "not_ready") {
    turn.note("info", "recruit_refused", `${peer} refused term ${request.term}: ${result.refusal.reason}`, {
      peer,
      code: result.refusal.code,
    });
    turn.set({ election: { ...election, refusals: { ...election.refusals, [peer]: result.refusal } } });
  }
}

/** Decides once the answers suffice and nobody worth waiting for is still silent. */
function conclude(turn: Turn, election: Recruiting): void {
  const answers: Answer[] = Object.entries(election.answers).map(([id, a]) => ({ id, ...a }));
  const decision = decide(answers, turn.config.initial, byRank(turn.state()));
  if (!decision.ok) {
    turn.set({ blocked: decision.blocked });
    const lost = Object.values(election.refusals).some(
      (r) => r.promise > election.term || r.code === "promised_to_another",
    );
    if (lost) giveUp(turn, election, "outbid by another attempt", true);
    return;
  }
  const silent = electorate(turn, election).filter(
    (id) => election.answers[id] === undefined && election.refusals[id] === undefined,
  );
  const state = turn.state();
  const worthWaiting = silent.filter((id) => {
    if (turn.nowMs < election.awaitAllUntilMs) return true;
    const peer = turn.volatile.peers[id];
    return turn.nowMs < election.graceUntilMs && isFresh(state, peer) && peer.status.postgres === "running";
  });
  if (worthWaiting.length === 0) propose(turn, election, decision.proposal);
}

function propose(turn: Turn, election: Recruiting, proposal: Proposal): void {
  const request: PromoteRequest = {
    term: election.term,
    attempt: election.attempt,
    position: proposal.position,
    obliged: proposal.obliged,
    ruleset: proposal.ruleset,
    founding: proposal.founding,
    recruited: proposal.recruited,
    cause: election.cause,
  };
  const leaderIncarnation = election.answers[proposal.candidate]?.incarnation ?? "";
  const promoting: Promoting = {
    stage: "promoting",
    term: election.term,
    attempt: election.attempt,
    candidate: proposal.candidate,
    request,
    follow: { leaderIncarnation },
    startedMs: election.startedMs,
    decidedMs: turn.nowMs,
    suspectedMs: election.suspectedMs,
    askAgainMs: turn.nowMs + turn.config.timings.askAgainMs,
    giveUpMs: turn.nowMs + turn.config.timings.establishMs,
    accepted: false,
    fruitless: election.fruitless,
  };
  turn.set({ election: promoting, blocked: null });
  turn.note(
    "info",
    "chosen",
    `promotes ${proposal.candidate} under term ${election.term}; recruited: ${proposal.recruited.join(", ")}`,
    {
      term: Number(election.term),
      candidate: proposal.candidate,
      recruited: proposal.recruited,
      recruit_ms: Math.round(turn.nowMs - election.startedMs),
    },
  );
  turn.emit({ kind: "send_promote", to: proposal.candidate, request });
  const follow = {
    term: election.term,
    attempt: election.attempt,
    leader: proposal.candidate,
    leaderIncarnation,
    ready: null,
  };
  for (const id of electorate(turn, election)) {
    // A member under an old name and a new incarnation is a stranger and gets no leader of ours.
    if (id !== proposal.candidate && followable(turn, proposal, id, election))
      turn.emit({ kind: "send_follow", to: id, request: follow });
  }
}

function followable(turn: Turn, proposal: Proposal, id: NodeId, election: Recruiting): boolean {
  const known = election.answers[id]?.incarnation ?? turn.volatile.peers[id]?.status?.incarnation;
  const member = proposal.ruleset.cohort.find((m) => m.id === id);
  return member !== undefined && (known === undefined || known === member.incarnation);
}

export function onPromoteResult(
  turn: Turn,
  peer: NodeId,
  request: PromoteRequest,
  result: PromoteResult | Unreachable,
): void {
  const { election } = turn.volatile;
  if (election.stage !== "promoting" || election.candidate !== peer || !sameAttempt(election.attempt, request.attempt))
    return;
  if (result.ok === "unreachable") return;
  if (result.ok) {
    turn.set({ election: { ...election, accepted: true } });
    return;
  }
  if (result.refusal.code === "not_ready") return;
  giveUp(turn, election, `${peer} refused to be promoted: ${result.refusal.reason}`, true);
}

function goOnPromoting(turn: Turn, election: Promoting): void {
  const known = knownLeader(turn.state());
  const status = election.candidate === turn.self ? null : turn.volatile.peers[election.candidate]?.status;
  const { leading } = turn.volatile;
  const established =
    leading?.term === election.term
      ? leading.stage === "established"
      : status?.term === election.term && status.established;
  if (established) {
    turn.set({ election: { stage: "idle", notBeforeMs: turn.nowMs, fruitless: 0 } });
    turn.set({ phases: phasesOf(turn, election) });
    turn.note("info", "elected", `${election.candidate} leads term ${election.term}`, {
      term: Number(election.term),
      leader: election.candidate,
    });
    return;
  }
  if ((known !== null && known.term > election.term) || turn.durable.promise.term > election.term)
    return giveUp(turn, election, "outbid by a higher term", false);
  const failed =
    (status?.ledUntil ?? TERM_NONE) >= election.term ||
    (election.candidate === turn.self && election.accepted && leading === null);
  if (failed) return giveUp(turn, election, `${election.candidate} could not take office`, true);
  if (turn.nowMs >= election.giveUpMs)
    return giveUp(turn, election, `${election.candidate} is not established in time`, true);
  if (!election.accepted && turn.nowMs >= election.askAgainMs) {
    turn.set({ election: { ...election, askAgainMs: turn.nowMs + turn.config.timings.askAgainMs } });
    turn.emit({ kind: "send_promote", to: election.candidate, request: election.request });
  }
}

/** As this coordinator measured them; the promotion itself is timed by the leader. */
function phasesOf(turn: Turn, election: Promoting): ElectionPhases {
  const own = turn.volatile.phases?.term === election.term ? turn.volatile.phases : null;
  return {
    term: election.term,
    startedUnixMs: Math.round(election.startedMs + turn.config.unixOffsetMs),
    detectMs: Math.round(election.startedMs - election.suspectedMs),
    recruitMs: Math.round(election.decidedMs - election.startedMs),
    promoteMs: own?.promoteMs ?? 0,
    establishMs: own?.establishMs ?? 0,
  };
}

/** A leader of this term or a higher one is in office, or this node has promised a higher term itself. */
function overtaken(turn: Turn, election: Recruiting): boolean {
  const known = knownLeader(turn.state());
  if (turn.durable.promise.term > election.term) return true;
  return known !== null && known.term >= election.term && known.leader !== turn.self;
}

/** Exponential back-off with jitter; every fruitless recruitment may have restarted a healthy leader, so they are bounded. */
function giveUp(turn: Turn, election: Recruiting | Promoting, why: string, fruitless: boolean): void {
  const { timings } = turn.config;
  const count = election.fruitless + (fruitless ? 1 : 0);
  const floor = count >= FRUITLESS_ELECTIONS_PER_HOUR_MAX ? 3_600_000 / FRUITLESS_ELECTIONS_PER_HOUR_MAX : 0;
  const pause = Math.max(
    floor,
    Math.min(timings.backoffMs * 2 ** Math.min(count, 8), timings.backoffMaxMs) * (0.5 + turn.volatile.jitter),
  );
  turn.set({ election: { stage: "idle", notBeforeMs: turn.nowMs + pause, fruitless: count } });
  turn.note("info", "election_ended", `gives up term ${election.term}: ${why}`, {
    term: Number(election.term),
    reason: why,
    pause_ms: Math.round(pause),
  });
}
