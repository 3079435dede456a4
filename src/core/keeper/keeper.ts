/**
 * The keeper: the local Postgres, level-triggered.
 *
 * It compares what is wanted (a standstill for a recruitment; a standby of this leader at this term) with what is
 * known of Postgres, and starts the next operation: one at a time, never by "what happened before". While this node
 * leads, the leader machine asks for the operations; the keeper only notices that Postgres is gone.
 */
import type { KeeperReport } from "../events.js";
import { stepDown } from "../leader/office.js";
import { LEADER_FAILURES_MAX } from "../limits.js";
import { contains } from "../log/history.js";
import { comparePositions, formatPosition, isEmptyPosition, POSITION_EMPTY, TERM_NONE } from "../log/position.js";
import { compileNative, formatNames } from "../quorum/sync_standby_names.js";
import { compact, inForce } from "../ruleset/in_force.js";
import type { Following } from "../state.js";
import { hasLostItsData } from "../state.js";
import type { Turn } from "../turn.js";

/** The next operation on a Postgres that does not lead. */
export function keep(turn: Turn): void {
  const { volatile, postgres } = turn;
  if (volatile.leading !== null || postgres.op !== null) return;
  if (volatile.stopping) {
    if (postgres.process === "running") turn.operate({ kind: "fence" }, turn.durable.promise.term);
    return;
  }
  if (turn.nowMs < postgres.retryAtMs) return;
  if (turn.nowMs < postgres.restartAtMs && volatile.pending === null) return;
  const { following } = volatile;
  if (postgres.data === "foreign") return;
  if (postgres.data === "absent") {
    if (following?.ready != null && !hasLostItsData(turn.state())) cloneOrSwap(turn, following);
    return;
  }
  const elsewhere = postgres.receiver !== null && postgres.receiver.term !== following?.term;
  const wantStill = volatile.pending !== null || following === null || elsewhere || postgres.process !== "running";
  if (postgres.still === null && (wantStill || postgres.receiver === null)) {
    turn.operate({ kind: "revoke", names: namesIfChosen(turn) }, turn.durable.promise.term);
    turn.setPostgres({ receiver: null, streaming: false });
    return;
  }
  if (following === null || following.ready === null || volatile.pending !== null) return;
  if (postgres.still !== null) join(turn, following);
  else settle(turn);
}

/** The setting this node would lead with, should the recruitment choose it and the rules be those it knows. */
function namesIfChosen(turn: Turn): string | null {
  const { pending } = turn.volatile;
  const rules = inForce(turn.postgres.rulesets);
  if (pending === null || rules === undefined) return null;
  const compiled = compileNative(rules.obliged, turn.self);
  return compiled.ok ? formatNames(compiled.rule, pending.term) : null;
}

/** From a standstill to streaming: at once if contained in the leader's history, else by a clone beside the data. */
function join(turn: Turn, following: Following): void {
  const { still } = turn.postgres;
  if (still === null || following.ready === null) return;
  if (isEmptyPosition(still.position) || !contains(following.ready.history, still.position)) {
    cloneOrSwap(turn, following);
    return;
  }
  turn.operate({ kind: "follow", leader: following.leader, term: following.term }, following.term);
  turn.setPostgres({ still: null, receiver: { leader: following.leader, term: following.term }, streaming: false });
}

function cloneOrSwap(turn: Turn, following: Following): void {
  const { postgres } = turn;
  if (postgres.clone === null || postgres.clone.term !== following.term) {
    const op = turn.background({ kind: "clone", leader: following.leader, term: following.term });
    turn.setPostgres({
      clone: { op, leader: following.leader, term: following.term, startedMs: turn.nowMs, percent: 0, ready: null },
    });
    turn.set({ rejoin: { term: following.term, method: "clone", ms: 0, percent: 0 } });
    const why =
      postgres.data === "absent"
        ? "has no data"
        : `its position ${formatPosition(postgres.still?.position ?? POSITION_EMPTY)} is not in the leader's history`;
    turn.note("info", "cloning", `clones from ${following.leader}: ${why}`, {
      term: Number(following.term),
      leader: following.leader,
    });
    return;
  }
  const { ready } = postgres.clone;
  if (ready === null || following.ready === null) return;
  const old = postgres.data === "absent" ? POSITION_EMPTY : (postgres.still?.position ?? null);
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
    turn.setPostgres({ clone: null, retryAtMs: turn.nowMs + turn.config.timings.retryMs });
    return;
  }
  turn.operate({ kind: "swap", term: following.term }, following.term);
  turn.setPostgres({ still: null });
}

/** Streaming: clients may read, and old data that a clone replaced is let go. */
function settle(turn: Turn): void {
  const { postgres } = turn;
  if (postgres.receiver === null || !postgres.streaming) return;
  if (postgres.door === "shut") {
    turn.operate({ kind: "set_door", open: true }, postgres.receiver.term);
    return;
  }
  if (postgres.oldKept) {
    turn.background({ kind: "discard_old" });
    turn.setPostgres({ oldKept: false });
  }
}

/** A report of an operation that is not the one under way is stale: it was overtaken, and changes nothing. */
export function onReport(turn: Turn, report: KeeperReport): void {
  switch (report.kind) {
    case "revoked":
      return onRevoked(turn, report);
    case "following":
    case "names_set":
      return;
    case "door_set":
      turn.setPostgres({ door: report.open ? "open" : "shut" });
      return;
    case "cloned":
      onCloned(turn, report);
      return;
    case "clone_progress": {
      const { clone } = turn.postgres;
      if (clone === null || clone.op !== report.op) return;
      turn.setPostgres({ clone: { ...clone, percent: report.percent } });
      if (turn.volatile.rejoin !== null) turn.set({ rejoin: { ...turn.volatile.rejoin, percent: report.percent } });
      return;
    }
    case "swapped":
      onSwapped(turn);
      return;
    case "fenced":
      turn.setPostgres({
        process: "stopped",
        still: null,
        receiver: null,
        streaming: false,
        door: "shut",
        postmasterPid: null,
      });
      return;
    case "failed":
      onFailed(turn, report);
      return;
    case "exited":
      onExited(turn, report.reason);
      return;
  }
}

function onRevoked(turn: Turn, report: Extract<KeeperReport, { kind: "revoked" }>): void {
  // A log without any ruleset record counts as empty: nobody can have been acknowledged anything in it (DESIGN 8).
  const ruled = inForce(report.rulesets) !== undefined;
  const { held, systemIdentifier } = turn.durable;
  if (held && (!ruled || (systemIdentifier !== null && systemIdentifier !== report.systemIdentifier))) {
    return quarantine(turn, report.systemIdentifier);
  }
  const position = ruled ? report.position : POSITION_EMPTY;
  const rulesets = compact(report.rulesets);
  turn.setPostgres({
    process: "running",
    still: { position, rulesets },
    receiver: null,
    streaming: false,
    position,
    rulesets,
    door: report.door,
    failures: 0,
    fault: null,
  });
  // The founding record may have reached the disk although its writer died before it knew; a clone may have been
  // swapped in by a step that was overtaken.
  if (ruled && (!held || systemIdentifier === null)) {
    turn.promise({ held: true, founding: TERM_NONE, systemIdentifier: report.systemIdentifier });
  }
}

/** A directory that is not the one this node gave its word on: nothing of it is answered, and nothing is written over it. */
function quarantine(turn: Turn, found: string): void {
  const reason = `the data directory holds system ${found}, not ${turn.durable.systemIdentifier ?? "this node's data"}; bring the right one back`;
  turn.setPostgres({
    data: "foreign",
    process: "running",
    still: null,
    receiver: null,
    streaming: false,
    fault: reason,
  });
  turn.note("error", "foreign_data", reason, { found, expected: turn.durable.systemIdentifier });
}

function onCloned(turn: Turn, report: Extract<KeeperReport, { kind: "cloned" }>): void {
  const { clone } = turn.postgres;
  if (clone === null || clone.op !== report.op) return;
  turn.setPostgres({
    clone: { ...clone, percent: 100, ready: { position: report.position, systemIdentifier: report.systemIdentifier } },
  });
}

function onSwapped(turn: Turn): void {
  const ready = turn.postgres.clone?.ready;
  turn.setPostgres({
    data: "present",
    process: "stopped",
    still: null,
    clone: null,
    oldKept: true,
    door: "shut",
    receiver: null,
    streaming: false,
  });
  // The leader served a whole clone: it was alive until now, and could not be established without this node.
  turn.set({ leaderSeenMs: turn.nowMs });
  turn.promise({ held: true, founding: 0n, ...(ready != null ? { systemIdentifier: ready.systemIdentifier } : {}) });
  turn.note(
    "info",
    "swapped",
    "the clone has taken the place of the old data, which is kept until the clone streams",
    {},
  );
}

function onFailed(turn: Turn, { op, reason, data }: Extract<KeeperReport, { kind: "failed" }>): void {
  const { postgres, volatile } = turn;
  const failures = postgres.failures + 1;
  const { retryMs, detectMs } = turn.config.timings;
  const pause = Math.min(retryMs * 2 ** Math.min(failures - 1, 6), detectMs * 4);
  const cloneFailed = postgres.clone?.op === op;
  const was = turn.before.volatile.postgres.op;
  const what = was?.id === op ? was.what : null;
  turn.note("error", "postgres_failed", `an operation on the local Postgres failed: ${reason}`, { reason, failures });
  turn.setPostgres({
    data: postgres.data === "foreign" ? "foreign" : data,
    failures,
    fault: reason,
    retryAtMs: turn.nowMs + pause,
    ...(cloneFailed ? { clone: null } : { still: null, receiver: null, streaming: false }),
  });
  const { leading } = volatile;
  if (leading === null || cloneFailed) return;
  // A failed promotion needs a new term: whatever Postgres has become, it is fenced by the next standstill.
  if (leading.stage === "promoting") return stepDown(turn, `the promotion failed: ${reason}`);
  if (failures >= LEADER_FAILURES_MAX)
    return stepDown(turn, `its Postgres failed ${failures} times in a row: ${reason}`);
  // Asked for again, since what is in force now is not known.
  if (what === "set_names") turn.set({ leading: { ...leading, names: "" } });
  if (leading.mark === "writing") turn.set({ leading: { ...leading, mark: "none" } });
}

function onExited(turn: Turn, reason: string): void {
  const led = turn.volatile.leading !== null;
  turn.note("warn", "postgres_exited", `the local Postgres is gone: ${reason}`, { reason });
  turn.setPostgres({
    process: "stopped",
    still: null,
    receiver: null,
    streaming: false,
    door: "shut",
    postmasterPid: null,
    // The others elect meanwhile; starting the dead leader at once would only take their processor time.
    restartAtMs: led ? turn.nowMs + turn.config.timings.restartDelayMs : turn.nowMs,
  });
  stepDown(turn, reason);
}
