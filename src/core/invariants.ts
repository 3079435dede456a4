import { assert } from "./assert.js";
import { checkChange } from "./leader/change_invariants.js";
import { stillAwaited } from "./lease/holding.js";
import type { State } from "./state.js";

/**
 * What one node can see of the invariants (DESIGN 9), asserted after every step, in production too.
 * A broken one ends the sidecar after a fence: liveness is lost, truth never.
 */
export function checkInvariants(before: State, after: State): void {
  const d = after.durable;
  const was = before.durable;
  const { leading, following, pending, postgres } = after.volatile;
  // I5: a promise never goes back, and one term is promised to one attempt.
  assert(d.promise.term >= was.promise.term, `I5: promise went back from ${was.promise.term} to ${d.promise.term}`);
  if (d.promise.term === was.promise.term && was.promise.attempt !== null) {
    assert(
      d.promise.attempt?.nonce === was.promise.attempt.nonce && d.promise.attempt.node === was.promise.attempt.node,
      `I5: term ${d.promise.term} was promised to two attempts`,
    );
  }
  assert(d.incarnation === was.incarnation, "an incarnation is drawn once");
  assert(
    was.systemIdentifier === null || d.systemIdentifier === was.systemIdentifier,
    `data of system ${was.systemIdentifier} became ${d.systemIdentifier}`,
  );
  assert(d.pause.number >= was.pause.number, "an older order to pause or resume is never taken up again");
  assert(!was.held || d.held, "data that was held is never forgotten");
  // I3: a promotion is begun at most once a term, and only under the term promised.
  assert(d.promotionStarted >= was.promotionStarted, "I3: a begun promotion is never forgotten");
  assert(d.promotionStarted <= d.promise.term, `I3: promotion ${d.promotionStarted} above promise ${d.promise.term}`);
  // One role at a time, and none in a term below the promise (I4).
  assert(leading === null || following === null, "a node leads or follows");
  if (leading !== null) {
    assert(leading.term === d.promise.term, `I4: leads ${leading.term} having promised ${d.promise.term}`);
    assert(leading.term === d.promotionStarted, `I3: leads ${leading.term} without having begun it`);
    assert(pending === null, "a leader answers no recruitment");
    assert(!d.nonVoter, "a node that may lack what it acknowledged leads before it has caught up");
    if (leading.stage === "established") {
      assert(
        leading.firstRecord !== null && leading.quorumLsn >= leading.firstRecord,
        "I1: established before a quorum held the first record",
      );
    }
    const old = before.volatile.leading;
    if (leading.stage === "established" && old?.stage !== "established")
      assert(stillAwaited(after).length === 0, "I8: established while the lease of an older leader may still run");
    if (old !== null && old.term === leading.term)
      assert(leading.quorumLsn >= old.quorumLsn, "a quorum LSN never goes back within a term");
  }
  if (leading !== null) checkChange(before.volatile.leading, leading, after.config.self);
  if (following !== null)
    assert(following.term === d.promise.term, `I4: follows ${following.term} having promised ${d.promise.term}`);
  if (pending !== null)
    assert(pending.term === d.promise.term, `I4: recruited for ${pending.term} having promised ${d.promise.term}`);
  // I10: a leader's door is open only once it is established; a follower's once it streams.
  // While it is being promoted it may still be the open standby that it was: the operation shuts the door first.
  if (leading !== null && leading.stage !== "established" && leading.stage !== "promoting")
    assert(postgres.door === "shut", "I10: the door is open before the leader is established");
  assert(postgres.data !== "torn" || d.nonVoter, "data that a rewind left is no log, and its node has a vote");
  if (postgres.still !== null) assert(postgres.receiver === null && leading === null, "a standstill receives nothing");
}
