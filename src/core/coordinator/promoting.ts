/** Promoting: the choice is made and sent; it ends when the candidate is established, or cannot be. */
import { knownLeader } from "../detector/detector.js";
import type { Unreachable } from "../events.js";
import { establishWithinMs } from "../lease/bounds.js";
import { TERM_NONE } from "../log/position.js";
import type { ElectionPhases, PromoteRequest, PromoteResult } from "../messages.js";
import { sameAttempt } from "../messages.js";
import type { NodeId } from "../ruleset/ruleset.js";
import { memberAmong } from "../ruleset/ruleset.js";
import type { Turn } from "../turn.js";
import type { Proposal } from "./decide.js";
import type { Promoting, Recruiting } from "./election.js";
import { electorate } from "./electorate.js";
import { giveUp } from "./give_up.js";
import { leasesToAwait } from "./old_leases.js";

export function propose(turn: Turn, election: Recruiting, proposal: Proposal): void {
  const request: PromoteRequest = {
    term: election.term,
    attempt: election.attempt,
    position: proposal.position,
    obliged: proposal.obliged,
    ruleset: proposal.ruleset,
    voids: proposal.voids,
    founding: proposal.founding,
    recruited: proposal.recruited,
    cause: election.cause,
    leases: leasesToAwait(election, turn.nowMs),
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
    giveUpMs: turn.nowMs + patienceMs(turn, request),
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
    const member = memberAmong([proposal.ruleset, ...proposal.obliged], id);
    if (id === proposal.candidate || member === undefined) continue;
    turn.emit({ kind: "send_follow", to: id, request: { ...follow, memberIncarnation: member.incarnation } });
  }
}

/** A candidate is not established before the leases that it was told of are over: that is no failure of its own. */
function patienceMs({ config: { timings } }: Turn, { founding, leases }: PromoteRequest): number {
  return founding ? timings.foundMs : establishWithinMs(timings, Math.max(0, ...leases.map(({ ms }) => ms)));
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

export function goOnPromoting(turn: Turn, election: Promoting): void {
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
