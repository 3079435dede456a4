/**
 * A ruleset change, led by the leader without interrupting traffic (DESIGN 6).
 *
 * The joint rule is in force, behind its barrier, before the new ruleset is written; the decided mark is written when
 * the record is durable under both, and durable under both before the old rules are let go. Level-triggered like the
 * rest: each call looks at the stage and does the next thing.
 */
import type { Lsn } from "../log/lsn.js";
import { compileNative } from "../quorum/sync_standby_names.js";
import { compact, standing } from "../ruleset/in_force.js";
import type { NodeId, Ruleset, RulesetRecord } from "../ruleset/ruleset.js";
import { memberOf, sameRuleset } from "../ruleset/ruleset.js";
import type { ChangeRefusal, ChangeRequest } from "../ruleset/wanted.js";
import { rulesetWanted } from "../ruleset/wanted.js";
import type { Leading } from "../state.js";
import type { Turn } from "../turn.js";
import { answerChange, refuseChange } from "./change_answer.js";
import type { Change, Joint, Voided, Waiting } from "./change_state.js";
import { namesWanted } from "./enforced.js";
import { shownIncarnation } from "./followers.js";
import { stepDown, updateLeading } from "./office.js";
import { obstacleTo } from "./readiness.js";
import { isServed } from "./seating.js";
import { isQuorumConnected } from "./waiting.js";

/** An operator asks for other rules. */
export function onChangeRuleset(turn: Turn, call: string, request: ChangeRequest): void {
  const { leading, following } = turn.volatile;
  if (leading?.stage !== "established") {
    const leader = following?.leader ?? null;
    return refuseChange(turn, call, {
      code: "not_leader",
      reason:
        leading === null
          ? `${turn.self} does not lead; rules are changed by the leader`
          : `${turn.self} is not established in term ${leading.term} yet`,
      missing: [],
      nextStep: leader === null ? "ask again once a leader is established" : `ask ${leader}`,
    });
  }
  if (turn.volatile.mandate !== null)
    return refuseChange(turn, call, {
      code: "handover_under_way",
      reason: `a ${turn.volatile.mandate.kind} is under way`,
      missing: [],
      nextStep: "ask the next leader",
    });
  if (leading.change !== null) {
    if (leading.change.call === call) return;
    return refuseChange(turn, call, {
      code: "change_under_way",
      reason: `another change is under way (${leading.change.stage})`,
      missing: [],
      nextStep: "wait until it is done, then ask again",
    });
  }
  startChange(turn, call, request);
}

export function startChange(turn: Turn, call: string | null, request: ChangeRequest): void {
  const change: Waiting = {
    stage: "waiting",
    call,
    request,
    sinceMs: turn.nowMs,
    untilMs: turn.nowMs + request.waitMs,
    noted: "",
  };
  updateLeading(turn, { change });
  turn.note("info", "change_asked", `a change of the rules is asked for: ${request.cause}`, { cause: request.cause });
}

/** The next step of the change, if there is one and no operation is under way. */
export function advanceChange(turn: Turn): void {
  const { leading } = turn.volatile;
  if (leading === null || leading.change === null || turn.postgres.op !== null) return;
  const { change } = leading;
  // The ruleset that this term began with is finished before anything else.
  if (leading.mark !== "durable") return change.stage === "waiting" ? refuseLate(turn, leading, change) : undefined;
  if (change.stage === "waiting") considerJoining(turn, leading, change);
  else if (change.stage === "voided") answerVoided(turn, leading, change);
  else advanceJoint(turn, leading, change);
}

function refuseLate(turn: Turn, leading: Leading, change: Waiting): void {
  if (turn.nowMs < change.untilMs) return;
  updateLeading(turn, { change: null });
  refuseChange(turn, change.call, {
    code: "change_under_way",
    reason: `the ruleset that term ${leading.term} began with is not decided yet`,
    missing: [],
    nextStep: "ask again in a moment, or ask to wait",
  });
}

function advanceJoint(turn: Turn, leading: Leading, change: Joint): void {
  // Whoever takes the names away takes the joint rule away: nothing goes on until it is in force again.
  const enforced = leading.names === namesWanted(leading, turn.self);
  const { givenUp } = change;
  const late = givenUp || turn.nowMs >= change.untilMs;
  switch (change.stage) {
    case "joining":
      if (enforced && !givenUp) return write(turn, change, "writing");
      return late ? abandon(turn, change) : undefined;
    case "writing":
      return late ? write(turn, change, "voiding") : enforced ? write(turn, change, "writing") : undefined;
    case "proposed":
      // Once it is marked there is no way back: nothing is marked while those whom it needs are gone.
      if (!givenUp && enforced && isDurable(leading, change.proposedLsn) && isQuorumConnected(turn, leading))
        return write(turn, change, "marking");
      return late ? write(turn, change, "voiding") : undefined;
    case "marking":
      return enforced ? write(turn, change, "marking") : undefined;
    case "marked":
      return enforced && isDurable(leading, change.markedLsn) ? letGo(turn, change) : undefined;
    case "enforcing":
      return enforced && isServed(turn, leading) ? finish(turn, leading, change) : undefined;
    case "voiding":
      return write(turn, change, "voiding");
  }
}

/**
 * Under every ruleset in force: the quorum LSN knows no other measure. For the mark DESIGN 6.4 asks for the new rules alone,
 * which is as safe: the proposal is durable under both, and who has it without its mark needs a recruitment under both. Here
 * the old ones must have it too. That costs time only, if they die between mark and copy: the leader gives up its term then,
 * and whoever has the mark is elected under the new rules alone (`marksInVain`).
 */
function isDurable(leading: Leading, lsn: Lsn | null): boolean {
  return lsn !== null && leading.quorumLsn >= lsn;
}

function considerJoining(turn: Turn, leading: Leading, change: Waiting): void {
  const wanted = rulesetWanted(leading.ruleset, change.request, (id) => shownIncarnation(turn, id));
  if (wanted.ok && sameRuleset(wanted.ruleset, leading.ruleset)) {
    updateLeading(turn, { change: null });
    turn.note("info", "change_needless", "the rules are already what was asked for", {});
    return answerChange(turn, change.call, { kind: "done", number: leading.number });
  }
  const obstacle = wanted.ok ? obstacleTo(turn, leading, wanted.ruleset) : wanted;
  if (wanted.ok && obstacle === null) return join(turn, leading, change, wanted.ruleset);
  if (obstacle === null) return;
  if (!obstacle.passing || turn.nowMs >= change.untilMs) {
    updateLeading(turn, { change: null });
    return refuseChange(turn, change.call, obstacle.refusal);
  }
  if (obstacle.refusal.reason === change.noted) return;
  updateLeading(turn, { change: { ...change, noted: obstacle.refusal.reason } });
  turn.note("info", "change_waits", `the change of the rules waits: ${obstacle.refusal.reason}`, {
    code: obstacle.refusal.code,
    missing: obstacle.refusal.missing,
  });
}

/** From here on a commit needs the old rules and the new ones. */
function join(turn: Turn, leading: Leading, was: Waiting, target: Ruleset): void {
  const { term } = leading;
  const change: Joint = {
    stage: "joining",
    call: was.call,
    request: was.request,
    sinceMs: was.sinceMs,
    before: leading.ruleset,
    target,
    number: { term, subterm: leading.subterm + 1 },
    proposedLsn: null,
    markedLsn: null,
    untilMs: turn.nowMs + turn.config.timings.changeMs,
    givenUp: false,
  };
  updateLeading(turn, { change, subterm: change.number.subterm, obliged: [leading.ruleset, target] });
  const compiled = compileNative([leading.ruleset, target], turn.self, leading.seats);
  turn.note("info", "change_joint", `a commit needs the old rules and those of (${term}, ${change.number.subterm})`, {
    term: Number(term),
    exact: compiled.ok && compiled.rule.exact,
  });
  // The joint rule may ask for the very names that are in force.
  advanceChange(turn);
}

function write(turn: Turn, change: Joint, stage: "writing" | "marking" | "voiding"): void {
  if (stage === "voiding" && change.stage !== "voiding") {
    turn.note(
      "warn",
      "change_voiding",
      `ruleset (${change.number.term}, ${change.number.subterm}) is not durable under the old and the new rules in time: it is taken back`,
      { term: Number(change.number.term), subterm: change.number.subterm },
    );
  }
  const next: Joint = { ...change, stage };
  updateLeading(turn, { change: next });
  const { term } = change.number;
  turn.operate(
    {
      ...{ kind: "write_record", term, record: recordOf(turn, next), standing: standing(turn.postgres.rulesets) },
      ...{ founding: false, cause: change.request.cause },
    },
    term,
  );
}

function recordOf(turn: Turn, change: Joint): RulesetRecord {
  const { number } = change;
  const writtenBy = turn.self;
  if (change.stage === "writing") return { number, state: "proposed", ruleset: change.target, writtenBy };
  return { number, state: change.stage === "marking" ? "decided" : "void", ruleset: null, writtenBy };
}

/** The record of this stage is in the local WAL up to `lsn`. */
export function onChangeRecord(turn: Turn, change: Change, lsn: Lsn): void {
  if (change.stage !== "writing" && change.stage !== "marking" && change.stage !== "voiding") return;
  turn.setPostgres({ rulesets: compact([...turn.postgres.rulesets, recordOf(turn, change)]) });
  const number = `(${change.number.term}, ${change.number.subterm})`;
  const data = { term: Number(change.number.term), subterm: change.number.subterm };
  if (change.stage === "voiding") return takeBack(turn, change, lsn);
  if (change.stage === "writing") {
    updateLeading(turn, { change: { ...change, stage: "proposed", proposedLsn: lsn } });
    return turn.note("info", "change_proposed", `ruleset ${number} is written, and not decided`, data);
  }
  updateLeading(turn, { change: { ...change, stage: "marked", markedLsn: lsn } });
  turn.note("info", "change_marked", `ruleset ${number} is durable under both: its mark is written`, data);
}

/** Nothing was written: the old rules alone are what every log says. */
function abandon(turn: Turn, change: Joint): void {
  const reason = "the joint rule could not be put in force in time: the rules are what they were";
  updateLeading(turn, { change: null, obliged: [change.before] });
  noteTakenBack(turn, change, "change_abandoned", reason);
  answerChange(turn, change.call, {
    kind: "refused",
    refusal: takenBack(turn, change, "joint_rules_not_in_force", reason),
  });
}

/** The void is in the leader's WAL, behind whatever of the proposal is: the old rules alone are in force for its term. */
function takeBack(turn: Turn, change: Joint, voidLsn: Lsn): void {
  const { call, request, sinceMs, number } = change;
  const reason = `ruleset (${number.term}, ${number.subterm}) was taken back and is void: the rules are what they were`;
  const refusal = takenBack(turn, change, "not_connected", reason);
  const voided: Voided = { stage: "voided", call, request, sinceMs, number, voidLsn, refusal };
  updateLeading(turn, { change: voided, obliged: [change.before] });
  noteTakenBack(turn, change, "change_voided", `the void of ruleset (${number.term}, ${number.subterm}) is written`);
}

/** In a step of its own, which the core can check. */
function answerVoided(turn: Turn, leading: Leading, change: Voided): void {
  if (turn.before.volatile.leading?.change?.stage !== "voided" || !isDurable(leading, change.voidLsn)) return;
  updateLeading(turn, { change: null });
  answerChange(turn, change.call, { kind: "voided", refusal: change.refusal });
}

function noteTakenBack(turn: Turn, { number }: Joint, code: string, text: string): void {
  turn.note("warn", code, text, { term: Number(number.term), subterm: number.subterm });
}

function takenBack(turn: Turn, change: Joint, code: ChangeRefusal["code"], reason: string): ChangeRefusal {
  const missing = change.target.cohort.map((m) => m.id).filter((id) => id !== turn.self && !streams(turn, id));
  const nextStep =
    missing.length > 0 ? `bring ${missing.join(" and ")} back, then ask again` : "look at the log, then ask again";
  return { code, reason, missing, nextStep };
}

function streams(turn: Turn, id: NodeId): boolean {
  return turn.volatile.leading?.senders[id] !== undefined;
}

/** The mark is durable under the old rules and the new ones: only now the old ones may go. */
function letGo(turn: Turn, change: Joint): void {
  const { number, target } = change;
  updateLeading(turn, { change: { ...change, stage: "enforcing" }, obliged: [target], ruleset: target, number });
  turn.note("info", "decided", `ruleset (${number.term}, ${number.subterm}) is decided`, {
    term: Number(number.term),
    subterm: number.subterm,
  });
}

/** The new rules alone are in force: success is reported, and a leader that may not lead under them leaves office. */
function finish(turn: Turn, leading: Leading, change: Joint): void {
  updateLeading(turn, { change: null });
  turn.note("info", "change_done", `ruleset (${change.number.term}, ${change.number.subterm}) alone is in force`, {
    term: Number(change.number.term),
    subterm: change.number.subterm,
    took_ms: Math.round(turn.nowMs - change.sinceMs),
  });
  answerChange(turn, change.call, { kind: "done", number: change.number });
  if (memberOf(leading.ruleset, turn.self)?.eligible !== true)
    stepDown(turn, "the rules in force do not let it lead any more: the next election chooses among those that may");
}
