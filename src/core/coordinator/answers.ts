import { knownLeader } from "../detector/detector.js";
import { isFromThePast } from "../detector/peers.js";
import type { Turn } from "../turn.js";
import type { Answer, Decision } from "./decide.js";
import { decideAgain } from "./decide_again.js";
import type { Recruiting } from "./election.js";
import { wishOf } from "./mandate.js";

/** What the promises given so far allow. */
export function decideOnAnswers(turn: Turn, election: Recruiting): Decision {
  const answers: Answer[] = Object.entries(election.answers).map(([id, a]) => ({
    id,
    ...a,
    voter: a.voter && !isFromThePast(turn.state(), id, election.answers, election.term),
  }));
  const { fits, prefer } = wishOf(turn);
  const { failedCatchUps } = election;
  const wished = decideAgain(turn.config, answers, prefer, failedCatchUps, fits);
  if (wished.ok || failedCatchUps.length === 0) return wished;
  // Whoever was wished for could not take the newest log: any leader is better than none.
  return decideAgain(turn.config, answers, prefer, failedCatchUps);
}

/** A leader of this term or a higher one is in office, or this node has promised a higher term itself. */
export function overtaken(turn: Turn, election: Recruiting): boolean {
  const known = knownLeader(turn.state());
  if (turn.durable.promise.term > election.term) return true;
  return known !== null && known.term >= election.term && known.leader !== turn.self;
}
