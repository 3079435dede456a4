/**
 * The leader: one term in office.
 *
 * promoting → writing (its first record: the newest ruleset again) → establishing (until a quorum has that record)
 * → established (the door opens; the mark is written). Every judgement is by positions that followers flushed,
 * never by a COMMIT that returned. `advance` is level-triggered: it looks at the stage and does the next thing.
 */
import { assert } from "../assert.js";
import { isFresh } from "../detector/detector.js";
import type { Observation } from "../events.js";
import { mayBeEstablished } from "../lease/holding.js";
import type { Lsn } from "../log/lsn.js";
import { LSN_ZERO, maxLsn } from "../log/lsn.js";
import { TERM_NONE } from "../log/position.js";
import { quorumLsn } from "../quorum/quorum_lsn.js";
import { followerName } from "../quorum/sync_standby_names.js";
import { compact, standing } from "../ruleset/in_force.js";
import type { NodeId, RulesetRecord } from "../ruleset/ruleset.js";
import type { Leading, SenderState } from "../state.js";
import type { Turn } from "../turn.js";
import { callFollowers } from "./calling.js";
import { advanceChange, onChangeRecord } from "./change.js";
import { namesWanted } from "./enforced.js";
import { audience } from "./followers.js";
import { leaveInOrder } from "./handing_over.js";
import { isHandingOver } from "./hands_over.js";
import { updateLeading } from "./office.js";
import { replaceWiped } from "./replacing.js";
import { seatNewcomers, serve } from "./seating.js";

/** The promotion is done and verified: followers may dial, and the first record is written. */
export function onPromoted(turn: Turn, history: NonNullable<Leading["history"]>, systemIdentifier: string): void {
  const { leading } = turn.volatile;
  turn.setPostgres({ data: "present", process: "running", door: "shut" });
  if (leading === null || leading.stage !== "promoting") return;
  assert(history.timeline === leading.term, `promoted to timeline ${history.timeline} under term ${leading.term}`);
  updateLeading(turn, { stage: "writing", history, systemIdentifier, promotedMs: turn.nowMs });
  turn.set({ leaderSeenMs: turn.nowMs });
  turn.note("info", "promoted", `timeline ${history.timeline} is open, its door shut`, { term: Number(leading.term) });
  if (!leading.request.founding) callFollowers(turn, true);
}

/** A ruleset record is in the local WAL up to `lsn`. */
export function onRecordWritten(turn: Turn, lsn: Lsn): void {
  const { leading } = turn.volatile;
  if (leading === null) return;
  if (leading.mark === "durable" && leading.change !== null) return onChangeRecord(turn, leading.change, lsn);
  const written = recordDue(turn, leading);
  turn.setPostgres({ rulesets: compact([...turn.postgres.rulesets, written]) });
  if (written.state === "void") {
    updateLeading(turn, { voidWritten: true });
    return turn.note("warn", "found_voided", "a ruleset that was found undecided is void", {
      term: Number(leading.term),
    });
  }
  if (leading.stage === "writing") {
    updateLeading(turn, { stage: "establishing", firstRecord: lsn });
    // From here on this log counts: losing it would lose this node's vote. Followers of a new cluster can log in only now.
    const { held, founding, systemIdentifier } = turn.durable;
    if (!held || founding !== TERM_NONE || systemIdentifier !== leading.systemIdentifier) {
      turn.promise({ held: true, founding: TERM_NONE, systemIdentifier: leading.systemIdentifier });
    }
    if (leading.request.founding) callFollowers(turn, true);
  } else if (leading.mark === "writing") {
    updateLeading(turn, { mark: lsn });
  } else if (leading.mark === "lost") {
    updateLeading(turn, { mark: "none" });
  }
}

/** Followers' flushed positions, as the leader's Postgres knows them. */
export function onObserved(turn: Turn, seen: Observation): void {
  const { leading } = turn.volatile;
  if (leading === null || leading.stage === "promoting") return;
  const senders: Record<NodeId, SenderState> = {};
  let connected = false;
  for (const id of audience(turn, leading)) {
    const found = seen.senders.find((s) => s.name === followerName(id, leading.term) && s.streaming);
    if (found === undefined) continue;
    const before = leading.senders[id];
    if (before === undefined || before.pid !== found.pid) connected = true;
    const changed = before === undefined || before.flushLsn !== found.flushLsn;
    senders[id] = { pid: found.pid, flushLsn: found.flushLsn, changedMs: changed ? turn.nowMs : before.changedMs };
  }
  const flushed = new Map<NodeId, Lsn>([[turn.self, seen.flushLsn]]);
  for (const [id, sender] of Object.entries(senders)) flushed.set(id, sender.flushLsn);
  // A position ends with its connection, but what a quorum once had stays durable.
  const quorum = maxLsn(leading.quorumLsn, quorumLsn(leading.obliged, turn.self, flushed, leading.seats));
  const ends = endsFor(turn, leading, seen.flushLsn);
  updateLeading(turn, { senders, flushLsn: seen.flushLsn, quorumLsn: quorum, ends });
  if (connected) turn.background({ kind: "nudge" });
  holdNames(turn, seen.names);
}

/**
 * How far each non-voter has to flush: all that was acknowledged with its copy before this start of its sidecar lies below.
 * The first look at Postgres after it was heard may be older than that start, the next one is not.
 */
function endsFor(turn: Turn, leading: Leading, flushLsn: Lsn): Leading["ends"] {
  const ends: Record<NodeId, Leading["ends"][NodeId]> = {};
  for (const [id, { status }] of Object.entries(turn.volatile.peers)) {
    if (status === null || status.voter) continue;
    const { boot } = status;
    const known = leading.ends[id]?.boot === boot ? leading.ends[id] : undefined;
    ends[id] = known === undefined ? { boot, end: null } : { boot, end: known.end ?? { boot, lsn: flushLsn } };
  }
  return ends;
}

/** Somebody else set the names: until ours are back, commits are released by a rule that is not the policy (I6). */
function holdNames(turn: Turn, shown: string | null): void {
  const { leading } = turn.volatile;
  if (leading?.stage !== "established" || shown === null || turn.postgres.op !== null) return;
  if (leading.names === "" || shown === leading.names) return;
  // Its door is shut, or about to be: it is leaving already.
  if (shown === "" && isHandingOver(turn)) return;
  const what =
    shown === ""
      ? "emptied by somebody else: commits wait for nobody"
      : `set to '${shown}' by somebody else; it is undone`;
  turn.note("error", "foreign_names", `synchronous_standby_names was ${what}`, { term: Number(leading.term), shown });
  // From empty to set nothing is in force at once (POSTGRES.md trap 16): only a new term is safe then.
  if (shown === "") return leaveInOrder(turn, "synchronous_standby_names was emptied: commits wait for nobody");
  updateLeading(turn, { names: "" });
}

/** Once a quorum holds the first record, the leases of earlier leaders are over, and this leader holds its own. */
export function establish(turn: Turn): void {
  const { leading } = turn.volatile;
  if (leading === null || leading.stage !== "establishing") return;
  if (leading.firstRecord === null || leading.quorumLsn < leading.firstRecord) return;
  if (!mayBeEstablished(turn, leading)) return;
  updateLeading(turn, { stage: "established", establishedMs: turn.nowMs });
  turn.set({
    phases: {
      term: leading.term,
      startedUnixMs: Math.round(leading.startedMs + turn.config.unixOffsetMs),
      detectMs: 0,
      recruitMs: 0,
      promoteMs: Math.round(leading.promotedMs - leading.startedMs),
      establishMs: Math.round(turn.nowMs - leading.promotedMs),
    },
  });
  turn.note("info", "established", `leads term ${leading.term}: a quorum holds its first record`, {
    term: Number(leading.term),
    promote_ms: Math.round(leading.promotedMs - leading.startedMs),
    establish_ms: Math.round(turn.nowMs - leading.promotedMs),
  });
}

/** The next operation that this term needs of the local Postgres, if none is under way. */
export function advanceLeader(turn: Turn): void {
  const { leading, postgres } = turn.volatile;
  if (leading === null || postgres.op !== null || turn.nowMs < postgres.retryAtMs || turn.volatile.stopping) return;
  if (leading.stage === "writing") return writeRecord(turn, leading);
  // With its door shut for another leader it does nothing more in this term but hold the names (I6).
  if (isHandingOver(turn)) return enforce(turn);
  if (leading.stage !== "established") return;
  if (postgres.door === "shut") {
    turn.operate({ kind: "set_door", open: true }, leading.term);
    return;
  }
  if (voidsFirst(leading) || leading.mark === "lost") return writeRecord(turn, leading);
  if (leading.mark === "none") {
    updateLeading(turn, { mark: "writing" });
    return writeRecord(turn, leading);
  }
  // Seen by the step before: a quorum may have it sooner than this node hears that it is written.
  const { mark } = turn.before.volatile.leading ?? leading;
  if (typeof mark === "bigint" && leading.mark === mark && leading.quorumLsn >= mark) {
    // Only now may the rules before this one be let go (DESIGN 6.4).
    updateLeading(turn, { mark: "durable", obliged: [leading.ruleset] });
    turn.note("info", "decided", `ruleset (${leading.term}, 0) is decided`, { term: Number(leading.term) });
  }
  if (
    leading.checkpoint === "due" &&
    turn.nowMs - (leading.establishedMs ?? turn.nowMs) >= turn.config.timings.checkpointAfterMs
  ) {
    updateLeading(turn, { checkpoint: turn.background({ kind: "checkpoint" }) });
  }
  seatNewcomers(turn);
  replaceWiped(turn);
  advanceChange(turn);
  enforce(turn);
  serve(turn);
}

/** Puts the names in force that the rules of now ask for: they change when an older ruleset is let go. */
function enforce(turn: Turn): void {
  const { leading, postgres } = turn.volatile;
  if (leading === null || postgres.op !== null) return;
  const names = namesWanted(leading, turn.self);
  if (names === leading.names) return;
  updateLeading(turn, { names });
  turn.operate({ kind: "set_names", names }, leading.term);
}

function writeRecord(turn: Turn, leading: Leading): void {
  const { founding, cause } = leading.request;
  const first = leading.stage === "writing";
  const record = recordDue(turn, leading);
  const before = standing(turn.postgres.rulesets);
  turn.operate(
    { kind: "write_record", term: leading.term, record, standing: before, founding: founding && first, cause },
    leading.term,
  );
}

/**
 * What this term writes next: the newest ruleset again; once it is established, that what it found undecided and was
 * proved is void; the mark. The proposal once more, if somebody removed the one there was.
 */
function recordDue(turn: Turn, leading: Leading): RulesetRecord {
  const { voids } = leading.request;
  if (voids !== null && voidsFirst(leading))
    return { number: voids, state: "void", ruleset: null, writtenBy: turn.self };
  return leading.stage === "writing" || leading.mark === "lost" ? proposal(turn, leading) : mark(turn, leading);
}

/** Not before it is established: an older leader that still holds a lease counts on the rules that it knows (hole H13). */
function voidsFirst(leading: Leading): boolean {
  return leading.stage === "established" && leading.request.voids !== null && !leading.voidWritten;
}

function proposal(turn: Turn, leading: Leading): RulesetRecord {
  return { number: leading.number, state: "proposed", ruleset: leading.ruleset, writtenBy: turn.self };
}

function mark(turn: Turn, leading: Leading): RulesetRecord {
  return { number: leading.number, state: "decided", ruleset: null, writtenBy: turn.self };
}

/** Notices members that have promised a higher term: they refuse this leader for good (DESIGN 5). */
export function watchMembers(turn: Turn): void {
  const { leading, peers } = turn.volatile;
  if (leading === null) return;
  const state = turn.state();
  const refusing = leading.ruleset.cohort.some((member) => {
    const peer = peers[member.id];
    if (member.id === turn.self || !isFresh(state, peer)) return false;
    const { status } = peer;
    return status.incarnation === member.incarnation && status.promise > leading.term && status.electing === TERM_NONE;
  });
  if (refusing === (leading.refusedSinceMs !== null)) return;
  updateLeading(turn, { refusedSinceMs: refusing ? turn.nowMs : null });
}

/** The lowest LSN that makes sense to report before a quorum LSN is known. */
export function knownQuorumLsn(leading: Leading): Lsn | null {
  return leading.quorumLsn === LSN_ZERO ? null : leading.quorumLsn;
}
