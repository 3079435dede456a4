/**
 * The way back of a node that diverged: a rewind in place, or a clone beside the data (DESIGN 5.7).
 *
 * A clone costs no vote and is the way wherever it is quick, wherever this node's vote may be needed, and wherever nothing
 * better is known. A rewind destroys what the node would answer with: before it begins the node is durably a non-voter, and
 * stays one until it has flushed up to the end that its leader reported after that (`regainVote`). From then on its data is
 * `torn`, until the adapter says that the rewind is done.
 */
import { isFresh } from "../detector/detector.js";
import { REWIND_FROM_BYTES } from "../limits.js";
import { formatPosition, POSITION_EMPTY, type Position } from "../log/position.js";
import type { LocalPostgres, RejoinMeans } from "../postgres_known.js";
import { suffices } from "../quorum/sufficiency.js";
import { nothingCopied } from "../rejoin_facts.js";
import { inForce } from "../ruleset/in_force.js";
import type { Incarnation, NodeId, Ruleset } from "../ruleset/ruleset.js";
import { seated } from "../ruleset/seats.js";
import type { Following } from "../state.js";
import { hasVote } from "../state.js";
import type { Turn } from "../turn.js";
import { isCloneDue } from "./clone_failures.js";

export interface WayFacts {
  readonly means: RejoinMeans | null;
  /** Less data than that is cloned. */
  readonly fromBytes: number;
  /** A rewind under this term was tried before: the node has diverged all the same. */
  readonly tried: boolean;
  /** Whether the others could elect somebody without this node; `not_yet`: not those that stream by now, but all that are heard. */
  readonly others: "suffice" | "not_yet" | "too_few";
  /** The leader is in office, and has checkpointed under its term. */
  readonly checkpointed: boolean;
  /** Since the leader was accepted. */
  readonly waitedMs: number;
  /** How long the others are waited for, and the checkpoint. */
  readonly othersWithinMs: number;
  readonly checkpointWithinMs: number;
}

export type WayBack = { readonly way: "rewind" | "wait" } | { readonly way: "clone"; readonly why: string };

export function wayBack(facts: WayFacts): WayBack {
  const { means, fromBytes, waitedMs } = facts;
  const clone = (why: string): WayBack => ({ way: "clone", why });
  if (means === null) return clone("nobody has looked whether it could be rewound");
  if (facts.tried) return clone("it was rewound under this term, and its log is no part of the leader's all the same");
  if (means.noRewind !== null) return clone(means.noRewind);
  if (means.bytes === null) return clone("how much data there is is not known");
  // What there is no place for is rewound, however little it is.
  if (means.bytes < fromBytes && (means.noClone ?? null) === null)
    return clone(`${megabytes(means.bytes)} are cloned quickly, and a clone costs no vote`);
  if (facts.others === "too_few" || (facts.others === "not_yet" && waitedMs >= facts.othersWithinMs))
    return clone("the other voters that stream would not suffice to elect anybody: its vote may be needed meanwhile");
  if (facts.others === "suffice" && facts.checkpointed) return { way: "rewind" };
  if (waitedMs >= facts.checkpointWithinMs) return clone("its leader has not checkpointed under its term");
  return { way: "wait" };
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MB`;
}

/** Whether this diverged node is rewound, or waits for what that needs. Else it clones, and the reason is logged. */
export function rewindsInstead(turn: Turn, following: Following): boolean {
  const { postgres } = turn;
  if (postgres.clone !== null || postgres.still === null) return false;
  const way = wayBack(factsOf(turn, following));
  if (way.way !== "clone") {
    if (way.way === "rewind") beginRewind(turn, following);
    else noteWait(turn, following);
    return true;
  }
  if (postgres.means !== null && isCloneDue(turn, following.term))
    turn.note("info", "clone_instead_of_rewind", `is cloned and not rewound: ${way.why}`, { leader: following.leader });
  return false;
}

function factsOf(turn: Turn, following: Following): WayFacts {
  const { config, postgres, nowMs, volatile } = turn;
  const leader = volatile.peers[following.leader];
  const status = isFresh(turn.state(), leader) ? leader.status : null;
  const leads = status !== null && status.role === "leader" && status.term === following.term;
  return {
    means: postgres.means,
    fromBytes: config.rewindFromBytes ?? REWIND_FROM_BYTES,
    tried: postgres.rewindTerm === following.term,
    others: hasVote(turn) ? othersOf(turn, following, inForce(status?.rulesets ?? [])?.all ?? []) : "suffice",
    checkpointed: leads && status.established && status.checkpointed,
    waitedMs: nowMs - following.sinceMs,
    othersWithinMs: config.timings.detectMs,
    checkpointWithinMs: config.timings.unservedMs,
  };
}

/**
 * Asked of the leader and of those that stream from it: none of these can be about to rewind as well. By all rules in force
 * in the leader's log; one that is not heard has none, and then nothing suffices.
 */
function othersOf(turn: Turn, { leader, term }: Following, rulesets: readonly Ruleset[]): WayFacts["others"] {
  const state = turn.state();
  const heard: NodeId[] = [];
  const streaming: NodeId[] = [];
  const seats: Record<NodeId, Incarnation> = {};
  for (const [id, peer] of Object.entries(turn.volatile.peers)) {
    if (!isFresh(state, peer) || peer.forgot || !peer.status.voter || peer.status.term !== term) continue;
    seats[id] = peer.status.incarnation;
    heard.push(id);
    if (id === leader || peer.status.streaming) streaming.push(id);
  }
  const rules = seated(rulesets, seats);
  const suffice = (ids: readonly NodeId[]) => {
    const set = new Set(ids);
    return rules.length > 0 && ids.some((candidate) => suffices(rules, set, candidate));
  };
  return suffice(streaming) ? "suffice" : suffice(heard) ? "not_yet" : "too_few";
}

/** Why streaming would not do. */
export function outsideText(position: Position): string {
  return `its position ${formatPosition(position)} is not in the leader's history`;
}

function noteWait(turn: Turn, { leader, term }: Following): void {
  if (turn.volatile.rejoin?.term === term) return;
  const old = turn.postgres.still?.position ?? POSITION_EMPTY;
  const work = { source: leader, attempt: 1, reason: outsideText(old), ...nothingCopied("waiting") };
  turn.set({ rejoin: { term, method: "rewind", ms: 0, percent: 0, work } });
  const text = `is to be rewound from ${leader}, once that one has checkpointed under term ${term} and the others are back`;
  turn.note("info", "rewind_awaited", text, { term: Number(term), leader });
}

/** The word comes first: from the moment the rewind begins this node holds nothing that it could vote by. */
function beginRewind(turn: Turn, { leader, term }: Following): void {
  const old = turn.postgres.still?.position ?? POSITION_EMPTY;
  turn.promise({ nonVoter: true });
  turn.operate({ kind: "rewind", leader, term }, term);
  turn.setPostgres({
    ...{ data: "torn", process: "stopped", still: null, receiver: null, streaming: false, door: "shut" },
    ...{ rewindTerm: term, position: POSITION_EMPTY, flushLsn: null, replayLsn: null, postmasterPid: null },
  });
  const why = outsideText(old);
  const work = { source: leader, attempt: 1, reason: why, ...nothingCopied("copying") };
  turn.set({ rejoin: { term, method: "rewind", ms: 0, percent: 0, work } });
  turn.note("info", "rewinding", `rewinds from ${leader}, and does not vote meanwhile: ${why}`, {
    term: Number(term),
    leader,
    from: formatPosition(old),
  });
}

/** A log again: where it stands the next standstill tells. Its vote comes back later, by `regainVote`. */
export function onRewound(turn: Turn): void {
  turn.setPostgres({ data: "present", process: "stopped", still: null });
  turn.note("info", "rewound", "its data is rewound, and it follows its leader again", {});
}

/** How far a rewind came that failed is not known, and what fails later does not make a log of it. */
export function dataAfterFailure(
  before: LocalPostgres["data"],
  failed: string | null,
  left: "absent" | "present",
): LocalPostgres["data"] {
  if (before === "foreign") return "foreign";
  return left === "present" && (before === "torn" || failed === "rewind") ? "torn" : left;
}
