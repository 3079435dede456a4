/** Recruiting: one attempt at a term, until the answers suffice or it is outbid. */
import { isFresh } from "../detector/detector.js";
import { seenOf } from "../detector/peers.js";
import type { Unreachable } from "../events.js";
import { TERM_FIRST, TERM_NONE } from "../log/position.js";
import type { RecruitRequest, RecruitResult } from "../messages.js";
import { sameAttempt } from "../messages.js";
import type { NodeId } from "../ruleset/ruleset.js";
import type { Suspicion } from "../state.js";
import type { Turn } from "../turn.js";
import { decideOnAnswers, overtaken } from "./answers.js";
import { carryOut } from "./catching_up.js";
import type { Recruiting } from "./election.js";
import { electorate } from "./electorate.js";
import { giveUp } from "./give_up.js";
import { sparesItself } from "./mandate.js";
import { isUp } from "./standing.js";
import { highestTerm } from "./term.js";

export function begin(turn: Turn, reason: Suspicion, fruitless: number): void {
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
    widened: false,
    answers: {},
    answeredMs: {},
    refusals: {},
    failedCatchUps: [],
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

export function goOnRecruiting(turn: Turn, was: Recruiting): void {
  let election = was;
  if (overtaken(turn, election))
    return giveUp(turn, election, "this node promised a higher term, or knows of a leader of this one", false);
  if (turn.nowMs >= election.askAgainMs) {
    election = {
      ...election,
      asked: election.asked.filter((id) => election.answers[id] !== undefined || election.refusals[id] !== undefined),
      askAgainMs: turn.nowMs + turn.config.timings.askAgainMs,
      widened: election.widened || !decideOnAnswers(turn, election).ok,
    };
  }
  election = ask(turn, election);
  turn.set({ election });
  conclude(turn, election);
}

/** Nodes whose Postgres runs are asked at once; a dead one would have to start first, which takes processor time from the others. */
function ask(turn: Turn, election: Recruiting): Recruiting {
  const state = turn.state();
  const { term, attempt } = election;
  const asked = [...election.asked];
  const spared = sparesItself(turn);
  for (const id of electorate(turn, election)) {
    if (asked.includes(id)) continue;
    const peer = turn.volatile.peers[id];
    const quick = id === turn.self ? !spared : isFresh(state, peer) && isUp(peer.status);
    if (!quick && turn.nowMs < election.askLateMs) continue;
    asked.push(id);
    const request: RecruitRequest = { term, attempt, seen: seenOf(state, id) };
    turn.emit({ kind: "send_recruit", to: id, request });
  }
  return asked.length === election.asked.length ? election : { ...election, asked };
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
  if (result.ok) {
    const answers = { ...election.answers, [peer]: result.answer };
    turn.set({ election: { ...election, answers, answeredMs: { ...election.answeredMs, [peer]: turn.nowMs } } });
  } else if (result.refusal.code !== "not_ready" && result.refusal.code !== "stopping") {
    turn.note("info", "recruit_refused", `${peer} refused term ${request.term}: ${result.refusal.reason}`, {
      peer,
      code: result.refusal.code,
    });
    turn.set({ election: { ...election, refusals: { ...election.refusals, [peer]: result.refusal } } });
  }
}

/** Decides once the answers suffice and nobody worth waiting for is still silent. */
function conclude(turn: Turn, election: Recruiting): void {
  const decision = decideOnAnswers(turn, election);
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
  if (worthWaiting.length === 0) carryOut(turn, election, decision.proposal);
}
