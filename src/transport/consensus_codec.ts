import type { Credentials } from "../agent/ports.js";
import type { Attempt, FollowRequest, RecruitAnswer, Refusal, RefusalCode } from "../core/messages.js";
import { EDGE_LIMITS } from "./edge_limits.js";
import {
  cut,
  enumPair,
  leadableTerm,
  Malformed,
  nodeId,
  position,
  present,
  systemIdentifier,
  term,
  text,
  token,
} from "./fields.js";
import type { Attempt as WireAttempt } from "./gen/quorate/v1/cluster.js";
import * as consensus from "./gen/quorate/v1/consensus.js";
import { leasesToCore, leasesToWire } from "./lease_codec.js";
import { allSeenToCore, promisesToCore, seenToWire } from "./memory_codec.js";
import { historyToCore, recordsToCore, recordToWire } from "./ruleset_codec.js";

/** Parts of the consensus messages, proto ↔ core. */

const REFUSAL = enumPair<RefusalCode, consensus.RefusalCode>({
  stale_term: consensus.RefusalCode.REFUSAL_CODE_STALE_TERM,
  promised_to_another: consensus.RefusalCode.REFUSAL_CODE_PROMISED_TO_ANOTHER,
  already_follows: consensus.RefusalCode.REFUSAL_CODE_ALREADY_FOLLOWS,
  not_promised: consensus.RefusalCode.REFUSAL_CODE_NOT_PROMISED,
  promotion_already_started: consensus.RefusalCode.REFUSAL_CODE_PROMOTION_ALREADY_STARTED,
  position_moved: consensus.RefusalCode.REFUSAL_CODE_POSITION_MOVED,
  non_voter: consensus.RefusalCode.REFUSAL_CODE_NON_VOTER,
  foreign_cluster: consensus.RefusalCode.REFUSAL_CODE_FOREIGN_CLUSTER,
  incarnation_unknown: consensus.RefusalCode.REFUSAL_CODE_INCARNATION_UNKNOWN,
  cannot_catch_up: consensus.RefusalCode.REFUSAL_CODE_CANNOT_CATCH_UP,
  cannot_lead: consensus.RefusalCode.REFUSAL_CODE_CANNOT_LEAD,
  not_ready: consensus.RefusalCode.REFUSAL_CODE_NOT_READY,
  stopping: consensus.RefusalCode.REFUSAL_CODE_STOPPING,
});

export function refusalToWire(refusal: Refusal): consensus.Refusal {
  return { code: REFUSAL.toWire(refusal.code), reason: cut(refusal.reason), promise: refusal.promise };
}

export function refusalToCore(refusal: consensus.Refusal): Refusal {
  return {
    code: REFUSAL.toCore(refusal.code, "refusal.code"),
    reason: text(refusal.reason, "refusal.reason"),
    promise: term(refusal.promise, "refusal.promise"),
  };
}

export function attemptToCore(value: WireAttempt | undefined): Attempt {
  const { node, nonce } = present(value, "attempt");
  return { node: nodeId(node, "attempt.node"), nonce: token(nonce, "attempt.nonce") };
}

export function answerToWire(answer: RecruitAnswer): consensus.RecruitAnswer {
  return {
    position: answer.position,
    rulesets: answer.rulesets.map(recordToWire),
    voter: answer.voter,
    incarnation: answer.incarnation,
    systemIdentifier: answer.systemIdentifier ?? undefined,
    initial: answer.initial,
    leases: leasesToWire(answer.leases),
    promises: [...answer.promises],
    seen: answer.seen.map(seenToWire),
  };
}

export function answerToCore(answer: consensus.RecruitAnswer): RecruitAnswer {
  const { systemIdentifier: system } = answer;
  return {
    position: position(answer.position, "position"),
    rulesets: recordsToCore(answer.rulesets, "rulesets"),
    voter: answer.voter,
    incarnation: token(answer.incarnation, "incarnation"),
    systemIdentifier: system === undefined ? null : systemIdentifier(system, "system_identifier"),
    initial: text(answer.initial, "initial", EDGE_LIMITS.initialChars),
    leases: leasesToCore(answer.leases, "leases"),
    promises: promisesToCore(answer.promises, "promises"),
    seen: allSeenToCore(answer.seen, "seen"),
  };
}

export function followToCore(m: consensus.FollowRequest): FollowRequest {
  return {
    term: leadableTerm(m.term, "term"),
    attempt: attemptToCore(m.attempt),
    leader: nodeId(m.leader, "leader"),
    leaderIncarnation: token(m.leaderIncarnation, "leader_incarnation"),
    memberIncarnation: token(m.memberIncarnation, "member_incarnation"),
    ready:
      m.ready === undefined
        ? null
        : {
            history: historyToCore(m.ready.history, "ready.history"),
            systemIdentifier: systemIdentifier(m.ready.systemIdentifier, "ready.system_identifier"),
          },
  };
}

/** Faults name the field and never its content. */
export function passwords({ superuserPassword, replicationPassword }: consensus.Credentials): Credentials {
  if (superuserPassword === "" || replicationPassword === "") throw new Malformed("credentials lack a password");
  return {
    superuserPassword: text(superuserPassword, "credentials.superuser_password", EDGE_LIMITS.passwordChars),
    replicationPassword: text(replicationPassword, "credentials.replication_password", EDGE_LIMITS.passwordChars),
  };
}
