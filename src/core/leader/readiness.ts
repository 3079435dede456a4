/** Whether a change may begin: a quorum of the old rules and the new ones is connected and caught up (DESIGN 6.1). */
import { isFresh } from "../detector/detector.js";
import { holdsLease, rulesOf, silentGranters } from "../lease/holding.js";
import { LAG_CAUGHT_UP_BYTES } from "../limits.js";
import { satisfiedAll } from "../quorum/policy.js";
import { compileNative } from "../quorum/sync_standby_names.js";
import type { NodeId, Ruleset } from "../ruleset/ruleset.js";
import { memberOf } from "../ruleset/ruleset.js";
import { seated } from "../ruleset/seats.js";
import type { ChangeRefusal } from "../ruleset/wanted.js";
import type { Leading } from "../state.js";
import type { Turn } from "../turn.js";
import { shownIncarnation } from "./followers.js";

interface Obstacle {
  readonly refusal: ChangeRefusal;
  readonly passing: boolean;
}

/** What keeps the joint rule from being satisfied: for good, or because its nodes are not there yet. */
export function obstacleTo(turn: Turn, leading: Leading, target: Ruleset): Obstacle | null {
  const leaderless = nobodyAfter(turn, target);
  if (leaderless !== null) return leaderless;
  const joint = [leading.ruleset, target];
  const compiled = compileNative(joint, turn.self);
  if (!compiled.ok) {
    const outside = memberOf(target, turn.self)?.eligible !== true;
    const nextStep = outside
      ? `let a node lead first that may lead under the new rules: the copy of ${turn.self} would not count in them`
      : "change the rules in smaller steps, or bring the missing nodes back first";
    const reason = `Postgres cannot be told to wait for the old and the new rules together: ${compiled.reason}`;
    return { passing: false, refusal: { code: "not_enforceable", reason, missing: [], nextStep } };
  }
  const ready = new Set<NodeId>([turn.self]);
  // A connection may be seen for a while after its node's death: whoever is to carry the new rules is heard as well.
  for (const [id, sender] of Object.entries(leading.senders))
    if (sender.flushLsn + LAG_CAUGHT_UP_BYTES >= leading.quorumLsn && isHeard(turn, id)) ready.add(id);
  const seatedJoint = seated(joint, leading.seats);
  // The setting that will be in force must let commits through, too: it may be stricter than the rules.
  const now = compileNative(joint, turn.self, leading.seats);
  const released = now.ok && now.rule.followers.filter((id) => ready.has(id)).length >= now.rule.need;
  if (released && satisfiedAll(seatedJoint, turn.self, ready)) return unleased(turn, leading, target);
  const missing = target.cohort
    .filter((m) => m.id !== turn.self && (!ready.has(m.id) || leading.seats[m.id] !== m.incarnation))
    .map((m) => m.id);
  return {
    passing: true,
    refusal: {
      code: "not_connected",
      reason: `no quorum of the old and the new rules together is connected and caught up; missing: ${missing.map((id) => `${id} (${whyMissing(turn, leading, id)})`).join(", ") || "members of the old rules"}`,
      missing,
      nextStep: "start the missing nodes and wait until they stream, or ask to wait for them",
    },
  };
}

/** Under the joint rule a leader serves only with a lease against elections under the new rules, too: it must have it before. */
function unleased(turn: Turn, leading: Leading, target: Ruleset): Obstacle | null {
  const rulesets = [...rulesOf(leading), target];
  if (holdsLease(turn, rulesets)) return null;
  const missing = silentGranters(turn, rulesets);
  const reason = `${turn.self} holds no lease under the old and the new rules together: another leader could be elected without ${missing.join(" and ")}, who granted it none lately`;
  const nextStep = "see why the missing nodes do not answer, or ask to wait for them";
  return { passing: true, refusal: { code: "lease_not_held", reason, missing, nextStep } };
}

/** This leader would leave office for good, and nobody elects while elections are paused. */
function nobodyAfter(turn: Turn, target: Ruleset): Obstacle | null {
  const { pause } = turn.durable;
  if (!pause.paused || memberOf(target, turn.self)?.eligible === true) return null;
  const reason = `elections are paused, by an order given to ${pause.by}: nobody would lead after ${turn.self}, which may not under the new rules`;
  const nextStep = "quorate resume, or let a node lead first that may lead under the new rules";
  return { passing: true, refusal: { code: "paused", reason, missing: [], nextStep } };
}

function isHeard(turn: Turn, id: NodeId): boolean {
  return isFresh(turn.state(), turn.volatile.peers[id]);
}

function whyMissing(turn: Turn, leading: Leading, id: NodeId): string {
  const sender = leading.senders[id];
  const status = turn.volatile.peers[id]?.status;
  if (!isHeard(turn, id)) return "not heard";
  if (sender !== undefined) return `${leading.quorumLsn - sender.flushLsn} bytes behind`;
  if (shownIncarnation(turn, id) === undefined || status == null) return "not heard";
  if (status.promise > leading.term) return `promised term ${status.promise}: only a leader of a higher term gets it`;
  return status.postgres === "cloning" || status.postgres === "rewinding" ? status.postgres : "does not stream";
}
