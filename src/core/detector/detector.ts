/**
 * The detector: from what was heard, and when, to a suspicion with its evidence.
 *
 * First-hand evidence acts at once: the leader's own sidecar says that it leads no more. Silence is second-hand and
 * needs others who hear nothing either (the coordinator asks for that). Blind is not dead: nothing here acts.
 */
import { establishWithinMs } from "../lease/bounds.js";
import type { Term } from "../log/position.js";
import { TERM_NONE } from "../log/position.js";
import type { NodeStatus } from "../messages.js";
import type { NodeId } from "../ruleset/ruleset.js";
import type { Peer, State, Suspicion } from "../state.js";
import type { Turn } from "../turn.js";

/** The leader of the highest term that this node knows of. */
export interface KnownLeader {
  readonly leader: NodeId;
  readonly term: Term;
  /** When this node first heard of it, or first lost sight of its establishment. */
  readonly sinceMs: number;
}

export function knownLeader(state: State): KnownLeader | null {
  const { leading, following, peers } = state.volatile;
  let known: KnownLeader | null = null;
  const consider = (leader: NodeId, term: Term, sinceMs: number) => {
    if (known === null || term > known.term) known = { leader, term, sinceMs };
  };
  if (leading !== null) consider(state.config.self, leading.term, leading.startedMs);
  if (following !== null) consider(following.leader, following.term, following.sinceMs);
  for (const id in peers) {
    const peer = peers[id];
    if (peer?.status?.role === "leader") consider(id, peer.status.term, peer.heardMs);
  }
  return known;
}

/** A peer whose word is recent enough to count. */
export function isFresh(state: State, peer: Peer | undefined): peer is Peer & { readonly status: NodeStatus } {
  return peer?.status != null && peer.connected && state.volatile.nowMs - peer.heardMs < state.config.timings.detectMs;
}

/** A leader in office, seen by this node: itself, or one that says so and is heard. */
export function seesLeader(state: State, known = knownLeader(state)): boolean {
  if (known === null) return false;
  if (known.leader === state.config.self) return true;
  const peer = state.volatile.peers[known.leader];
  return (
    isFresh(state, peer) && peer.status.role === "leader" && peer.status.term === known.term && peer.status.established
  );
}

/** Looks again at everything: called after every event. */
export function detect(turn: Turn): void {
  const state = turn.state();
  const known = knownLeader(state);
  if (seesLeader(state, known)) turn.set({ leaderSeenMs: turn.nowMs });
  const found = suspect(turn.state(), known);
  const before = turn.volatile.suspicion;
  if (found === null) {
    if (before !== null) turn.set({ suspicion: null });
    return;
  }
  if (before !== null && before.term === found.term && before.firstHand === found.firstHand) return;
  turn.set({ suspicion: found });
  turn.note("warn", found.firstHand ? "suspected_first_hand" : "suspected", found.cause, {
    term: Number(found.term),
    leader: found.leader,
  });
}

function suspect(state: State, known: KnownLeader | null): Suspicion | null {
  const { volatile, config } = state;
  if (volatile.stopping) return null;
  if (known === null) return suspectNobodyLeads(state);
  if (known.leader === config.self) return null;
  const peer = volatile.peers[known.leader];
  const suspicion = (firstHand: boolean, cause: string): Suspicion => ({
    term: known.term,
    leader: known.leader,
    firstHand,
    cause,
    sinceMs: volatile.nowMs,
  });
  if (isFresh(state, peer) && peer.status.ledUntil >= known.term) {
    return suspicion(true, `${known.leader} says itself that it leads term ${known.term} no more`);
  }
  const heardMs = Math.max(peer?.heardMs ?? volatile.startedMs, known.sinceMs);
  const silentMs = volatile.nowMs - heardMs;
  if (silentMs >= config.timings.detectMs && !isExpectedBack(state, known))
    return suspicion(
      false,
      `${known.leader}, leader of term ${known.term}, has been silent for ${Math.round(silentMs)} ms`,
    );
  const unestablishedMs = volatile.nowMs - Math.max(volatile.leaderSeenMs, known.sinceMs);
  const established = peer?.status?.role === "leader" && peer.status.term === known.term && peer.status.established;
  // A node without data has seen no leader yet: what it waits for is an initdb.
  const { timings } = config;
  const patienceMs =
    volatile.postgres.data === "absent" ? timings.foundMs : establishWithinMs(timings, toldToAwaitMs(known, peer));
  // A leader may be waiting for this very node's clone, which takes as long as the data is large.
  const cloning = volatile.postgres.clone?.term === known.term;
  if (!established && !cloning && unestablishedMs >= patienceMs) {
    return suspicion(
      false,
      `${known.leader} was appointed for term ${known.term} and has not been established for ${Math.round(unestablishedMs)} ms`,
    );
  }
  return null;
}

/** A leader tells how long it has to wait for leases of earlier ones; one of another term said nothing of this one. */
function toldToAwaitMs({ term }: KnownLeader, peer: Peer | undefined): number {
  const { role, term: led, awaitsMs } = peer?.status ?? {};
  return role === "leader" && led === term ? (awaitsMs ?? 0) : 0;
}

/**
 * A leader's sidecar that said that it would be started again is waited for, so long as it asked for and no longer than this
 * node would, while its Postgres is served from: WAL that does not come in any more is seen first-hand (DESIGN 7).
 */
export function isExpectedBack({ volatile, config }: State, known: Pick<KnownLeader, "leader" | "term">): boolean {
  const peer = volatile.peers[known.leader];
  const { receiver, streaming } = volatile.postgres;
  if (peer?.status == null || peer.status.awayMs === 0 || peer.status.term !== known.term) return false;
  if (!streaming || receiver?.leader !== known.leader || receiver.term !== known.term) return false;
  return volatile.nowMs - peer.heardMs < Math.min(peer.status.awayMs, config.timings.awayMs);
}

/** After a start, a power cut for instance, nobody leads: suspected when all are heard, or after `detect`. */
function suspectNobodyLeads(state: State): Suspicion | null {
  const { volatile, config } = state;
  const others = config.initial.nodes.map((n) => n.id).filter((id) => id !== config.self);
  const settled = (id: NodeId) => {
    const peer = volatile.peers[id];
    return isFresh(state, peer) && peer.status.postgres !== "starting";
  };
  const waitedMs = volatile.nowMs - volatile.leaderSeenMs;
  // Whoever is being recruited has a coordinator already.
  const electing =
    volatile.election.stage !== "idle" ||
    Object.values(volatile.peers).some((peer) => isFresh(state, peer) && peer.status.electing > TERM_NONE);
  const all =
    !electing && others.every(settled) && (volatile.postgres.data === "absent" || volatile.postgres.still !== null);
  if (!all && waitedMs < config.timings.detectMs) return null;
  const cause = all
    ? "all nodes are heard and none of them leads"
    : `no leader has been known for ${Math.round(waitedMs)} ms`;
  return { term: TERM_NONE, leader: null, firstHand: all, cause, sinceMs: volatile.nowMs };
}

/** Told by a node that knows of no leader at all; no leader has this term, it is initdb's timeline. */
const OF_NO_LEADER: Term = 1n;

/** What this node tells the others of its suspicion: the highest term whose leader it holds to be gone. */
export function suspectedTerm(state: State): Term {
  const { suspicion } = state.volatile;
  if (suspicion === null) return TERM_NONE;
  return suspicion.term > TERM_NONE ? suspicion.term : OF_NO_LEADER;
}

/**
 * Whether what another node tells of its suspicion supports this one: it holds the same leader, or a later one, to be
 * gone, or it hears none at all. Whoever hears a leader in office supports nothing.
 */
export function corroborates(suspects: Term, suspicion: Suspicion): boolean {
  if (suspects === TERM_NONE) return false;
  return suspects === OF_NO_LEADER || suspects >= suspicion.term;
}
