import { TERM_NONE } from "../log/position.js";
import type { NodeStatus } from "../messages.js";
import type { NodeId } from "../ruleset/ruleset.js";
import type { Peer } from "../state.js";
import type { Turn } from "../turn.js";

/** What is remembered of the others: what they last said, when, and the highest promise they ever showed. */
export function hearPeer(turn: Turn, id: NodeId, status: NodeStatus): void {
  const known = turn.volatile.peers[id] ?? neverHeard(turn);
  const electingSinceMs = known.status?.electing === status.electing ? known.electingSinceMs : turn.nowMs;
  const same = known.status?.incarnation === status.incarnation;
  const fellBack = same && status.boot !== known.highest.boot && status.promise < known.highest.promise;
  const stillPast = known.pastSinceMs !== null && !hasCaughtUp(turn, status, known.pastSinceMs);
  const pastSinceMs = !same ? null : fellBack ? turn.nowMs : stillPast ? known.pastSinceMs : null;
  const highest =
    !same || status.promise >= known.highest.promise ? { promise: status.promise, boot: status.boot } : known.highest;
  if (fellBack) {
    turn.note(
      "error",
      "from_the_past",
      `${id} came back with promise ${status.promise} after ${known.highest.promise}: it was restored from the past, and does not vote until it has caught up`,
      {
        peer: id,
        promise: Number(status.promise),
        before: Number(known.highest.promise),
      },
    );
  }
  const heard: Peer = {
    status,
    heardMs: turn.nowMs,
    connected: true,
    lost: null,
    electingSinceMs,
    highest,
    pastSinceMs,
  };
  turn.set({ peers: { ...turn.volatile.peers, [id]: heard } });
}

export function losePeer(turn: Turn, id: NodeId, reason: string): void {
  const known = turn.volatile.peers[id] ?? neverHeard(turn);
  turn.set({ peers: { ...turn.volatile.peers, [id]: { ...known, connected: false, lost: reason } } });
}

/** Streaming, and at or beyond the end that its established leader reported after the fall was noticed. */
function hasCaughtUp(turn: Turn, status: NodeStatus, sinceMs: number): boolean {
  // What is known of the leader's end may be as old as one look at an idle Postgres and one heartbeat.
  const { observeIdleMs, heartbeatMs } = turn.config.timings;
  if (turn.nowMs - sinceMs < observeIdleMs + 2 * heartbeatMs) return false;
  if (!status.streaming || status.leader === null || status.flushLsn === null) return false;
  const { leading } = turn.volatile;
  if (status.leader === turn.self) {
    return leading?.stage === "established" && leading.term === status.term && status.flushLsn >= leading.flushLsn;
  }
  const leader = turn.volatile.peers[status.leader]?.status;
  return (
    leader?.established === true &&
    leader.term === status.term &&
    leader.flushLsn !== null &&
    status.flushLsn >= leader.flushLsn
  );
}

function neverHeard(turn: Turn): Peer {
  return {
    status: null,
    heardMs: turn.volatile.startedMs,
    connected: false,
    lost: null,
    electingSinceMs: turn.nowMs,
    highest: { promise: TERM_NONE, boot: "" },
    pastSinceMs: null,
  };
}
