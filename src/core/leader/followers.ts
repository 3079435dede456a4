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

/** By the rules in force, which are the same list until one is let go: whom they name, with whose they are and the newest. */
const lastNamed = new WeakMap<
  Leading["obliged"],
  { readonly ruleset: Leading["ruleset"]; readonly leader: NodeId; readonly ids: readonly NodeId[] }
>();

/** The followers that the rules of now name, sorted: a leader asks several times a step. */
function namedBy({ obliged, ruleset }: Leading, leader: NodeId): readonly NodeId[] {
  const last = lastNamed.get(obliged);
  if (last?.ruleset === ruleset && last.leader === leader) return last.ids;
  const ids = followersOf([...obliged, ruleset], leader);
  lastNamed.set(obliged, { ruleset, leader, ids });
  return ids;
}

/** Everybody whom the leader calls and serves, sorted. */
export function audience(turn: Turn, leading: Leading): readonly NodeId[] {
  const named = namedBy(leading, turn.self);
  const asked = leading.change?.request.cohort ?? [];
  const observing = observersNow(turn);
  if (asked.length === 0 && observing.length === 0) return named;
  const ids = new Set(named);
  for (const { id } of asked) ids.add(id);
  ids.delete(turn.self);
  // Whoever streams, or is away for a moment, does not lose its slot to one whose name comes first.
  const serves = new Set([...Object.keys(leading.senders), ...leading.served.map(({ id }) => id)]);
  const has = (id: NodeId) => Number(serves.has(id));
  const observers = observing.filter((id) => !ids.has(id)).sort((a, b) => has(b) - has(a) || (a < b ? -1 : 1));
  return [...ids, ...observers.slice(0, OBSERVERS_MAX)].sort();
}
