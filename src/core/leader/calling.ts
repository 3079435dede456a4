/** The leader's calls to those who are to follow it. */
import type { FollowRequest } from "../messages.js";
import type { Incarnation, NodeId } from "../ruleset/ruleset.js";
import type { Leading } from "../state.js";
import type { Turn } from "../turn.js";
import { audience } from "./followers.js";
import { updateLeading } from "./office.js";
import { servedAs } from "./seating.js";

/** Repeats `Follow` to every member that does not follow this term; the same message twice changes nothing. */
export function callFollowers(turn: Turn, urgently: boolean): void {
  const { leading, peers } = turn.volatile;
  if (leading === null) return;
  // Before the founding record is written nobody can log in: its roles are in it.
  if (leading.history !== null && leading.request.founding && leading.firstRecord === null) return;
  const sent: Record<NodeId, number> = { ...leading.followSentMs };
  let called = false;
  for (const id of audience(turn, leading)) {
    const peer = peers[id];
    const last = sent[id];
    const due = urgently || last === undefined || turn.nowMs - last >= turn.config.timings.followAgainMs;
    if (!due || (!urgently && follows(turn, leading, id))) continue;
    const seat = servedAs(leading, id);
    // A wiped node under an old name is a stranger: under that name its copy would count (hole H8).
    if (seat === undefined || (peer?.status != null && peer.status.incarnation !== seat)) continue;
    if (!urgently && peer?.connected !== true) continue;
    if (peer?.status != null && peer.status.promise > leading.term) continue;
    called = true;
    sent[id] = turn.nowMs;
    turn.emit({ kind: "send_follow", to: id, request: followRequest(turn, leading, seat) });
  }
  if (called) updateLeading(turn, { followSentMs: sent });
}

function follows(turn: Turn, leading: Leading, id: NodeId): boolean {
  const status = turn.volatile.peers[id]?.status;
  return (
    status != null &&
    status.role === "follower" &&
    status.term === leading.term &&
    (leading.history === null || status.streaming || ["cloning", "rewinding"].includes(status.postgres))
  );
}

function followRequest(turn: Turn, leading: Leading, memberIncarnation: Incarnation): FollowRequest {
  const { history, systemIdentifier } = leading;
  return {
    term: leading.term,
    attempt: leading.request.attempt,
    leader: turn.self,
    leaderIncarnation: turn.durable.incarnation,
    memberIncarnation,
    ready: history === null || systemIdentifier === null ? null : { history, systemIdentifier },
  };
}
