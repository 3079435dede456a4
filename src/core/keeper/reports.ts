/** What the local Postgres reports, taken into the picture that the keeper acts on. */
import type { KeeperReport } from "../events.js";
import { stepDown } from "../leader/office.js";
import { LEADER_FAILURES_MAX } from "../limits.js";
import { POSITION_EMPTY, TERM_NONE } from "../log/position.js";
import { compact, inForce } from "../ruleset/in_force.js";
import type { Turn } from "../turn.js";
import { nextCloneText, withFailure } from "./clone_failures.js";
import { dataAfterFailure, onRewound } from "./rewind.js";

/** A report of an operation that is not the one under way is stale: it was overtaken, and changes nothing. */
export function onReport(turn: Turn, report: KeeperReport): void {
  switch (report.kind) {
    case "revoked":
    case "caught_up":
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
      return onProgress(turn, report);
    }
    case "swapped":
      onSwapped(turn);
      return;
    case "rewound":
      return onRewound(turn);
    case "rewind_progress":
      if (turn.postgres.op?.id === report.op && turn.volatile.rejoin?.method === "rewind") onProgress(turn, report);
      return;
    case "settings_seen":
      turn.setPostgres({ settings: report.settings });
      return;
    case "fenced":
    case "stopped":
      turn.setPostgres({
        process: "stopped",
        primaryGone: true,
        still: null,
        receiver: null,
        streaming: false,
        door: "shut",
        postmasterPid: null,
      });
      return;
    case "gone":
      // A new one may have been started meanwhile: as a standby, or as the leader of a later term.
      if (turn.volatile.leading === null) turn.setPostgres({ primaryGone: true });
      return;
    case "failed":
      onFailed(turn, report);
      return;
    case "exited":
      onExited(turn, report.reason);
      return;
  }
}

/** Decides nothing: it is what `status` shows. */
function onProgress(turn: Turn, { percent, progress }: Extract<KeeperReport, { percent: unknown }>): void {
  const { rejoin } = turn.volatile;
  if (rejoin === null) return;
  const work = rejoin.work === null || progress === undefined ? rejoin.work : { ...rejoin.work, ...progress };
  turn.set({ rejoin: { ...rejoin, percent, work } });
}

function onRevoked(turn: Turn, report: Extract<KeeperReport, { position: unknown; rulesets: unknown }>): void {
  // A log without any ruleset record counts as empty: nobody can have been acknowledged anything in it (DESIGN 8).
  const ruled = inForce(report.rulesets) !== undefined;
  const { held, systemIdentifier } = turn.durable;
  if (held && systemIdentifier !== null && systemIdentifier !== report.systemIdentifier) {
    return quarantine(turn, report.systemIdentifier);
  }
  // Data that counted once, with its rulesets dropped by somebody: no vote, and for all else the last ones known stand.
  const dropped = held && !ruled;
  if (dropped)
    turn.note(
      "error",
      "rulesets_dropped",
      "the table of rulesets is empty or gone: was the schema quorate dropped?",
      {},
    );
  const position = ruled || dropped ? report.position : POSITION_EMPTY;
  const rulesets = dropped ? turn.postgres.rulesets : compact(report.rulesets);
  turn.setPostgres({
    process: "running",
    primaryGone: true,
    still: { position, rulesets: dropped ? null : rulesets },
    receiver: null,
    streaming: false,
    position,
    rulesets,
    means: report.means ?? null,
    door: report.door,
    failures: 0,
    fault: null,
  });
  // The founding record may have reached the disk although its writer died before it knew; a clone may have been
  // swapped in by a step that was overtaken.
  if (ruled && (!held || systemIdentifier === null)) {
    turn.promise({ held: true, founding: TERM_NONE, joining: TERM_NONE, systemIdentifier: report.systemIdentifier });
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
    clonesFailed: [],
    oldKept: true,
    unservedTerm: TERM_NONE,
    door: "shut",
    receiver: null,
    streaming: false,
  });
  // The leader served a whole clone: it was alive until now, and could not be established without this node.
  turn.set({ leaderSeenMs: turn.nowMs });
  turn.promise({
    held: true,
    founding: TERM_NONE,
    joining: TERM_NONE,
    ...(ready != null ? { systemIdentifier: ready.systemIdentifier } : {}),
  });
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
  const { clone, clonesFailed: before } = postgres;
  const clonesFailed =
    cloneFailed && clone !== null ? withFailure(before, { term: clone.term, atMs: turn.nowMs }) : before;
  const was = turn.before.volatile.postgres.op;
  const what = was?.id === op ? was.what : null;
  if (cloneFailed) turn.note("error", "clone_failed", `a clone failed: ${reason}`, { reason, failures });
  else
    turn.note("error", "postgres_failed", `an operation on the local Postgres failed: ${reason}`, { reason, failures });
  turn.setPostgres({
    data: dataAfterFailure(postgres.data, what, data),
    failures,
    fault:
      cloneFailed && clone !== null
        ? `${reason}; ${nextCloneText(clonesFailed, clone.term, retryMs, turn.nowMs)}`
        : reason,
    clonesFailed,
    retryAtMs: turn.nowMs + pause,
    // If no clone can be had either, dialling is tried again.
    ...(cloneFailed ? { clone: null, unservedTerm: TERM_NONE } : { still: null, receiver: null, streaming: false }),
  });
  // Whether it took the place of the data is not known: the next standstill tells, and another one is grown if need be.
  if (what === "swap") {
    turn.background({ kind: "cancel_clone" });
    turn.setPostgres({ clone: null });
  }
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
