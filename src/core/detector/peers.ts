import { hasForgotten } from "../acceptor/remembered.js";
import type { NodeStatus, PromiseMade, RecruitAnswer, Seen } from "../messages.js";
import { BOOT_UNKNOWN } from "../messages.js";
import type { NodeId } from "../ruleset/ruleset.js";
import type { Peer, State } from "../state.js";
import type { Turn } from "../turn.js";

/** What is remembered of the others: what they last said, when, and the last promise they ever showed. */
export function hearPeer(turn: Turn, id: NodeId, status: NodeStatus): void {
  const known = turn.volatile.peers[id] ?? neverHeard(turn);
  const electingSinceMs = known.status?.electing === status.electing ? known.electingSinceMs : turn.nowMs;
  const seen = known.seen?.incarnation === status.incarnation ? known.seen : null;
  const forgot = seen !== null && isForgotten(status, seen);
  if (forgot && !known.forgot) {
    turn.note(
      "error",
      "peer_from_the_past",
      `${id} has promised ${status.promise} and has forgotten that it promised ${seen.term}: it was restored from the past, and does not vote until it has caught up`,
      {
        peer: id,
        promise: Number(status.promise),
        before: Number(seen.term),
      },
    );
  }
  const heard: Peer = {
    status,
    heardMs: turn.nowMs,
    connected: true,
    lost: null,
    electingSinceMs,
    // What it has forgotten is remembered for it until it has taken it back.
    seen: forgot || (seen !== null && status.promise < seen.term) ? seen : shownBy(id, status),
    forgot,
  };
  turn.set({ peers: { ...turn.volatile.peers, [id]: heard } });
}

/** A lower promise than before, under another start of its sidecar, or the same or a higher one without that one. */
function isForgotten(status: NodeStatus, seen: Seen & { readonly under: string }): boolean {
  return seen.term > status.promise ? status.boot !== seen.under : hasForgotten(status.promises, seen);
}

function shownBy(id: NodeId, { incarnation, promise, promises, boot }: NodeStatus): NonNullable<Peer["seen"]> {
  const last = promises.at(-1);
  const made: PromiseMade = last?.term === promise ? last : { term: promise, boot: BOOT_UNKNOWN };
  return { node: id, incarnation, ...made, end: null, under: boot };
}

export function losePeer(turn: Turn, id: NodeId, reason: string): void {
  const known = turn.volatile.peers[id] ?? neverHeard(turn);
  turn.set({ peers: { ...turn.volatile.peers, [id]: { ...known, connected: false, lost: reason } } });
}

/** What this node remembers of another one; null if it never heard it. */
export function seenOf(state: State, id: NodeId): Seen | null {
  const seen = state.volatile.peers[id]?.seen ?? null;
  if (seen === null) return null;
  const { node, incarnation, term, boot } = seen;
  return { node, incarnation, term, boot, end: state.volatile.leading?.ends[id]?.end ?? null };
}

/** What it tells the others of all of them. */
export function allSeen(state: State): Seen[] {
  const seen = Object.keys(state.volatile.peers).map((id) => seenOf(state, id));
  return seen.filter((s) => s !== null).sort((a, b) => (a.node < b.node ? -1 : 1));
}

/**
 * Whether one who answered a recruitment has forgotten a promise that this node or another one who answered it remembers:
 * its position then proves nothing. What is remembered may be newer than the answer: another term, for somebody else.
 */
export function isFromThePast(
  state: State,
  id: NodeId,
  answers: Readonly<Record<NodeId, RecruitAnswer>>,
  term: bigint,
): boolean {
  const { incarnation, promises } = answers[id] ?? {};
  const told = Object.values(answers).flatMap((answer) => answer.seen.filter((s) => s.node === id));
  return [seenOf(state, id), ...told].some(
    (seen) =>
      seen !== null && seen.incarnation === incarnation && seen.term <= term && hasForgotten(promises ?? [], seen),
  );
}

/** Heard to be without a vote, by its own word or because this node remembers what it forgot. */
export function isDoubted(peer: Peer | undefined): boolean {
  return peer !== undefined && (peer.forgot || peer.status?.voter === false);
}

function neverHeard(turn: Turn): Peer {
  return {
    status: null,
    heardMs: turn.volatile.startedMs,
    connected: false,
    lost: null,
    electingSinceMs: turn.nowMs,
    seen: null,
    forgot: false,
  };
}
