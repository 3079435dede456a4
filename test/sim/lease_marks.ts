import type { Machine } from "./machine.js";
import type { Postgres } from "./postgres.js";

/** What became of the leases of earlier leaders, seen in the step that established a new one. */
export function markLeasesAwaited({ loop, world }: Machine): void {
  const state = loop?.state.volatile;
  if (state === undefined || !world.config.leases) return;
  const { awaited, noted } = state.lease;
  const running = awaited.filter((a) => a.untilMs > state.nowMs);
  if (awaited.length > 0 && running.length === 0) world.mark(noted ? "lease_waited_out" : "lease_over_by_then");
  if (running.length > 0) world.mark("lease_released_first_hand");
  if (awaited.some((a) => a.leader === null)) world.mark("lease_of_an_unknown_leader_waited_for");
  if (awaited.length === 0 && world.checker.established.size > 0) world.mark("lease_of_a_recruited_leader");
  if ((state.leading?.obliged.length ?? 0) > 1) world.mark("established_with_leases_under_several_rulesets");
}

/** After every event of its loop. */
export function markLeasesHeld({ loop, world, witness }: Machine): void {
  const state = loop?.state.volatile;
  if (state === undefined || !world.config.leases) return;
  if (witness && Object.keys(state.lease.given).length > 0) world.markOnce("witness_grants_a_lease");
  const { leading } = state;
  if (leading?.stage === "established" && leading.obliged.length > 1) world.markOnce("lease_under_a_joint_rule");
}

/** Whose log it was, that one took who may lead. */
export function markCaughtUp(source: Postgres): void {
  const { world, witness } = source.machine;
  world.mark("caught_up");
  world.mark(witness ? "caught_up_from_a_witness" : "caught_up_from_an_ineligible");
}
