/** Whom a leader calls: the members of every ruleset in force and of the one that is asked for, and observers if it takes them. */
import { isFresh } from "../detector/detector.js";
import { OBSERVERS_MAX } from "../limits.js";
import { followersOf } from "../quorum/minimal_quorums.js";
import type { Incarnation, NodeId } from "../ruleset/ruleset.js";
import type { Leading } from "../state.js";
import type { Turn } from "../turn.js";

/** What a node of this name says it is; undefined if it is not heard. */
export function shownIncarnation(turn: Turn, id: NodeId): Incarnation | undefined {
  if (id === turn.self) return turn.durable.incarnation;
  const peer = turn.volatile.peers[id];
  return isFresh(turn.state(), peer) ? peer.status.incarnation : undefined;
}

/** Nodes that were heard not too long ago: each keeps a slot, and a slot keeps WAL. */
function observersNow(turn: Turn): NodeId[] {
  if (!turn.config.admitObservers) return [];
  const { forgetObserverMs } = turn.config.timings;
  const heard = Object.entries(turn.volatile.peers).filter(
    ([, peer]) => peer.status !== null && turn.nowMs - peer.heardMs < forgetObserverMs,
  );
  return heard.map(([id]) => id).sort();
}

/** Everybody whom the leader calls and serves, sorted. */
export function audience(turn: Turn, leading: Leading): NodeId[] {
  const ids = new Set(followersOf([...leading.obliged, leading.ruleset], turn.self));
  for (const { id } of leading.change?.request.cohort ?? []) ids.add(id);
  ids.delete(turn.self);
  const observers = observersNow(turn).filter((id) => !ids.has(id));
  return [...ids, ...observers.slice(0, OBSERVERS_MAX)].sort();
}
