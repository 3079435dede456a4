import { assert } from "../assert.js";
import { satisfiedAll } from "../quorum/policy.js";
import type { NodeId, Ruleset } from "../ruleset/ruleset.js";
import { sameRuleset } from "../ruleset/ruleset.js";
import { seated } from "../ruleset/seats.js";
import type { Leading } from "../state.js";
import { namesWanted } from "./enforced.js";

/**
 * I7, as far as the leader itself can see it: a ruleset is decided only under itself and every ruleset in force before
 * it, and none is let go before.
 */
export function checkChange(before: Leading | null, after: Leading, self: NodeId): void {
  // I8: until then the lease of an older leader may still run, and it counts on the rules that it knows (hole H13).
  const untouched = after.mark === "none" && after.change === null && !after.voidWritten;
  assert(
    after.stage === "established" || untouched,
    "I8: rules are marked, voided or changed before it is established",
  );
  if (before === null || before.term !== after.term) return;
  const lost = before.obliged.filter((r) => !holds(after.obliged, r));
  if (lost.length > 0) checkLetGo(before, after);
  const { change } = after;
  const was = before.change;
  if (was?.stage === "voiding") assert(change !== null, "I7: a void was forgotten before it was durable");
  if (was?.stage === "voided" && change?.stage !== "voided")
    assert(after.quorumLsn >= was.voidLsn, "I7: a void was answered before it was durable under the old rules");
  if (change === null || change.stage === "waiting" || change.stage === "voided") {
    assert(after.obliged.length === 1 || after.mark !== "durable", "I7: joint rules without a change");
    return;
  }
  if (change.stage === "enforcing") return;
  assert(
    holds(after.obliged, change.before) && holds(after.obliged, change.target),
    `I7: ruleset (${change.number.term}, ${change.number.subterm}) is ${change.stage} without the joint rule`,
  );
  const begun = was !== null && was.stage !== "waiting" ? was : null;
  if (change.stage === "writing" && begun?.stage !== "writing") checkInForce(after, self);
  if (change.stage === "marking" && begun?.stage !== "marking") {
    assert(!change.givenUp, "I8: a change that was given up is marked: its leader holds no lease under it");
    assert(
      change.proposedLsn !== null && after.quorumLsn >= change.proposedLsn,
      "I7: a ruleset is marked decided before it is durable under the old and the new rules",
    );
  }
  if (begun?.stage === "marking" || begun?.stage === "marked")
    assert(change.stage === "marking" || change.stage === "marked", `I7: a marked ruleset became ${change.stage}`);
}

/** Rules may go when a mark is durable under all of them; or the new ones, when they were never marked. */
function checkLetGo(before: Leading, after: Leading): void {
  const { change } = before;
  if (before.mark !== "durable") {
    const marked = typeof before.mark === "bigint" && after.quorumLsn >= before.mark;
    assert(marked, "I7: the rules before this term were let go before its ruleset was marked decided by a quorum");
    return;
  }
  const joint = change !== null && change.stage !== "waiting" && change.stage !== "voided";
  assert(joint, "I7: rules were let go without a change");
  assert(after.obliged.length === 1, "I7: rules were let go for more than one ruleset");
  if (after.change?.stage === "enforcing") {
    const { markedLsn } = after.change;
    assert(markedLsn !== null && after.quorumLsn >= markedLsn, "I7: rules were let go before the mark was durable");
    assert(holds(after.obliged, change.target), "I7: not the new rules alone");
    return;
  }
  assert(change.stage === "joining" || change.stage === "voiding", `I7: a change was taken back while ${change.stage}`);
  assert(holds(after.obliged, change.before), "I7: not the old rules alone");
}

/** The record of a new ruleset is written behind a setting that releases only what satisfies the old rules and the new. */
function checkInForce(leading: Leading, self: NodeId): void {
  assert(leading.names === namesWanted(leading, self), "I7: the joint rule is not in force");
  const named = [...leading.names.matchAll(/"([^"@]+)@\d+"/g)].map((m) => m[1] ?? "");
  assert(
    satisfiedAll(seated(leading.obliged, leading.seats), self, new Set([self, ...named])),
    "I7: the names in force could never satisfy the old and the new rules",
  );
}

function holds(rulesets: readonly Ruleset[], wanted: Ruleset): boolean {
  return rulesets.some((r) => sameRuleset(r, wanted));
}
