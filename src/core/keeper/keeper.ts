/**
 * The keeper: the local Postgres, level-triggered.
 *
 * It compares what is wanted (a standstill for a recruitment; a standby of this leader at this term) with what is
 * known of Postgres, and starts the next operation: one at a time, never by "what happened before". While this node
 * leads, the leader machine asks for the operations; the keeper only notices that Postgres is gone.
 */
import { advanceCatchUp } from "../acceptor/catch_up.js";
import { isFresh } from "../detector/detector.js";
import { contains } from "../log/history.js";
import { comparePositions, formatPosition, isEmptyPosition, POSITION_EMPTY, TERM_NONE } from "../log/position.js";
import { compileNative, formatNames } from "../quorum/sync_standby_names.js";
import { nothingCopied } from "../rejoin_facts.js";
import { inForce } from "../ruleset/in_force.js";
import type { Following } from "../state.js";
import { hasLostItsData } from "../state.js";
import type { Turn } from "../turn.js";
import { isCloneDue, lastHour, withFailure } from "./clone_failures.js";
import { outsideText, rewindsInstead } from "./rewind.js";

/** The next operation on a Postgres that does not lead. */
export function keep(turn: Turn): void {
  advanceCatchUp(turn);
  const { volatile, postgres } = turn;
  if (volatile.leading !== null || postgres.op !== null) return;
  if (volatile.stopping) {
    if (postgres.process === "running" && volatile.awayMs === 0)
      turn.operate({ kind: "fence" }, turn.durable.promise.term);
    return;
  }
  if (handedOver(turn)) {
    turn.operate({ kind: "fence" }, turn.durable.promise.term);
    turn.setPostgres({ restartAtMs: turn.nowMs + turn.config.timings.restartDelayMs });
    return;
  }
  if (turn.nowMs < postgres.retryAtMs) return;
  if (turn.nowMs < postgres.restartAtMs && volatile.pending === null) return;
  const { following } = volatile;
  if (postgres.data === "foreign") return;
  if (postgres.data === "torn") {
    if (following?.ready != null) cloneOrSwap(turn, following);
    return;
  }
  if (postgres.data === "absent") {
    if (following?.ready != null && !hasLostItsData(turn.state())) cloneOrSwap(turn, following);
    return;
  }
  const elsewhere = postgres.receiver !== null && postgres.receiver.term !== following?.term;
  const refused = refusedByItsLeader(turn);
  if (refused) turn.setPostgres({ unservedTerm: following?.term ?? TERM_NONE });
  const wantStill =
    volatile.pending !== null || following === null || elsewhere || refused || postgres.process !== "running";
  if (postgres.still === null && (wantStill || postgres.receiver === null)) {
    turn.operate({ kind: "revoke", names: namesIfChosen(turn) }, turn.durable.promise.term);
    turn.setPostgres({ receiver: null, streaming: false });
    return;
  }
  if (following === null || following.ready === null || volatile.pending !== null) return;
  if (postgres.still !== null) join(turn, following);
  else settle(turn);
}

/** It led, and hands over: nobody is to be served by it any more, and the next leader gets the processors first. */
function handedOver({ volatile, postgres }: Turn): boolean {
  const { mandate } = volatile;
  return (
    mandate?.kind === "switchover" &&
    mandate.stage === "electing" &&
    postgres.process === "running" &&
    !postgres.primaryGone
  );
}

/** The setting this node would lead with, should the recruitment choose it and the rules be those it knows. */
function namesIfChosen(turn: Turn): string | null {
  const { pending } = turn.volatile;
  if (turn.config.witness === true) return null;
  const rules = inForce(turn.postgres.rulesets);
  if (pending === null || rules === undefined) return null;
  const compiled = compileNative(rules.obliged, turn.self);
  return compiled.ok ? formatNames(compiled.rule, pending.term) : null;
}

/**
 * It dials, and its leader, which is there, does not serve it: the WAL it needs is gone, or its slot is. Only a clone helps
 * then, however well contained it is.
 */
function refusedByItsLeader(turn: Turn): boolean {
  const { following } = turn.volatile;
  const { receiver, streaming } = turn.postgres;
  if (following === null || receiver === null || receiver.term !== following.term || streaming) return false;
  const leader = turn.volatile.peers[following.leader];
  const there =
    isFresh(turn.state(), leader) && leader.status.role === "leader" && leader.status.term === following.term;
  return there && turn.nowMs - receiver.dialledMs >= turn.config.timings.unservedMs;
}

/** From a standstill to streaming: at once if contained in the leader's history, else by a rewind or a clone beside the data. */
function join(turn: Turn, following: Following): void {
  const { still } = turn.postgres;
  if (still === null || following.ready === null) return;
  const unserved = turn.postgres.unservedTerm === following.term;
  if (unserved || isEmptyPosition(still.position) || !contains(following.ready.history, still.position)) {
    // A log that counts as empty may be another system's: there is nothing in it to go back to.
    if (!unserved && !isEmptyPosition(still.position) && rewindsInstead(turn, following)) return;
    cloneOrSwap(turn, following);
    return;
  }
  turn.operate({ kind: "follow", leader: following.leader, term: following.term }, following.term);
  turn.setPostgres({
    still: null,
    receiver: { leader: following.leader, term: following.term, dialledMs: turn.nowMs },
    streaming: false,
  });
}

function cloneOrSwap(turn: Turn, following: Following): void {
  const { postgres } = turn;
  if (postgres.clone === null || postgres.clone.term !== following.term) {
    if (isCloneDue(turn, following.term)) beginClone(turn, following);
    return;
  }
  const { ready } = postgres.clone;
  if (ready === null || following.ready === null) return;
  const old = postgres.data !== "present" ? POSITION_EMPTY : (postgres.still?.position ?? null);
  // Swapped only at or above the old position, and contained in the history of the leader it follows (hole H7).
  const fits =
    old !== null && comparePositions(ready.position, old) >= 0 && contains(following.ready.history, ready.position);
  if (!fits || ready.systemIdentifier !== following.ready.systemIdentifier) {
    turn.note(
      "warn",
      "clone_unfit",
      `the clone at ${formatPosition(ready.position)} does not cover ${formatPosition(old ?? POSITION_EMPTY)}: it is thrown away`,
      {},
    );
    turn.background({ kind: "cancel_clone" });
    turn.setPostgres({
      clone: null,
      clonesFailed: withFailure(postgres.clonesFailed, { term: following.term, atMs: turn.nowMs }),
      retryAtMs: turn.nowMs + turn.config.timings.retryMs,
    });
    return;
  }
  // A crash between the swap and its report must not leave data that this node's own word knows nothing of.
  if (postgres.data === "absent") turn.promise({ joining: following.term });
  turn.operate({ kind: "swap", term: following.term }, following.term);
  turn.setPostgres({ still: null });
}

function beginClone(turn: Turn, { leader, term }: Following): void {
  const { postgres, nowMs } = turn;
  const op = turn.background({ kind: "clone", leader, term });
  turn.setPostgres({ clone: { op, leader, term, startedMs: nowMs, percent: 0, ready: null } });
  const why =
    postgres.data === "absent"
      ? "has no data"
      : postgres.data === "torn"
        ? "a rewind of its data did not come to its end, and what it left is no log"
        : postgres.unservedTerm === term
          ? "its leader does not serve it, so the WAL that it needs is gone there"
          : outsideText(postgres.still?.position ?? POSITION_EMPTY);
  const attempt = lastHour(postgres.clonesFailed, nowMs).length + 1;
  const work = { source: leader, attempt, reason: why, ...nothingCopied("waiting") };
  turn.set({ rejoin: { term, method: "clone", ms: 0, percent: 0, work } });
  turn.note("info", "cloning", `clones from ${leader}: ${why}`, { term: Number(term), leader });
}

/** Streaming: clients may read, and old data that a clone replaced is let go. */
function settle(turn: Turn): void {
  const { postgres } = turn;
  if (postgres.receiver === null || !postgres.streaming) return;
  if (postgres.door === "shut" && turn.config.witness !== true) {
    turn.operate({ kind: "set_door", open: true }, postgres.receiver.term);
    return;
  }
  if (postgres.oldKept) {
    turn.background({ kind: "discard_old" });
    turn.setPostgres({ oldKept: false });
  }
}
