import type { Mutant } from "./mutant.js";

const ADOPTION = "src/core/keeper/adoption.ts";
const GRANTING = "src/core/lease/granting.ts";
const LEAVING = "src/core/lease/leaving.ts";
const DETECTOR = "src/core/detector/detector.ts";

/** A sidecar that is started again: what it may go on with, and for how long it is waited for. */
export const RESTART_MUTANTS: readonly Mutant[] = [
  {
    name: "adopts-without-a-mark",
    file: ADOPTION,
    find: "if (!marked || !rules.newestDecided",
    replace: "if (!rules.newestDecided",
    why: "DESIGN 5.6: only what a quorum has passed the first record of is established, and only then it is marked",
    script: "restarted_sidecar_in_doubt.txt",
  },
  {
    name: "adopts-under-foreign-names",
    file: ADOPTION,
    find: "if (names !== wanted) return",
    replace: "if (names === wanted && false) return",
    why: "I6: what let commits through while the sidecar was away is the policy, or the term is over",
    script: "restarted_sidecar_in_doubt.txt",
  },
  {
    name: "adopts-in-the-middle-of-a-change",
    file: ADOPTION,
    find: 'if (isChanging(found.rulesets, rules)) return "its rules were changed',
    replace: 'if (isChanging([], rules) && false) return "its rules were changed',
    why: "DESIGN 6.4, I7: the old rules are let go only when the mark is durable, and nobody knows whether it is",
    script: "restarted_sidecar_changing_rules.txt",
  },
  {
    name: "adopts-below-the-promise",
    file: ADOPTION,
    find: "if (under !== promise.term || found.history.timeline !== under)",
    replace: "if (under > promise.term)",
    why: "I4, I5: no agent of a term below the promise gets anything, and its follower streams on",
    script: "restarted_sidecar_in_doubt.txt",
  },
  {
    name: "adopts-without-a-lease",
    file: ADOPTION,
    find: "if (leaseMs > 0 && (primary.servesUntilMs ?? 0) <= turn.nowMs)",
    replace: "if (leaseMs < 0)",
    why: "I8: a leader serves only while it holds its lease, and a start of its sidecar has forgotten the grants",
    script: "restarted_sidecar_lease.txt",
  },
  {
    name: "waits-for-a-dead-postgres",
    file: DETECTOR,
    find: "if (!streaming || receiver?.leader !== known.leader",
    replace: "if (receiver?.leader !== known.leader",
    why: "DESIGN 7: first-hand evidence acts at once; a silent sidecar is waited for only while its WAL arrives",
    script: "sidecar_restarted_on_purpose.txt",
  },
  {
    name: "waits-as-long-as-it-is-told",
    file: DETECTOR,
    find: "Math.min(peer.status.awayMs, config.timings.awayMs)",
    replace: "peer.status.awayMs",
    why: "I9: whatever a sidecar said before it left, a leader is established in bounded time",
    script: "sidecar_restarted_on_purpose.txt",
  },
  {
    name: "long-lease-for-an-ordinary-ask",
    file: GRANTING,
    find: "return leaseMs > 0 && asked > 0 ? awayMs : leaseMs;",
    replace: "return leaseMs > 0 ? awayMs : leaseMs;",
    why: "DESIGN 7: the lease is shorter than the silence it takes to be suspected, but for a restart on purpose",
    script: "leaves_with_a_longer_lease.txt",
  },
  {
    name: "long-lease-not-answered-for",
    file: GRANTING,
    find: "const leaseMs = Math.max(ordinaryMs, grantedMs);",
    replace: "const leaseMs = ordinaryMs;",
    why: "DESIGN 7 ◆, I8: a node that restarted reports a full lease, the longest that it may have granted",
    script: "leaves_with_a_longer_lease.txt",
  },
  {
    name: "long-lease-forgotten-early",
    file: GRANTING,
    find: "Object.values(lease.given).some(({ untilMs }) => untilMs > coveredUntilMs)",
    replace: "Object.values(lease.given).length < 0",
    why: "DESIGN 7 ◆, I8: what is answered for shrinks only when nothing longer may run",
    script: "leaves_with_a_longer_lease.txt",
  },
  {
    name: "leaves-without-a-longer-lease",
    file: LEAVING,
    find: 'return holdsLongLease(state, leading) ? "leaves" : "waits";',
    replace: 'return "leaves";',
    why: "DESIGN 7: a sidecar that is restarted on purpose takes a longer lease first",
    script: "leaves_with_a_longer_lease.txt",
  },
  {
    name: "leaves-with-the-lease-that-it-has",
    file: LEAVING,
    find: "untilMs >= leavingSinceMs + askedLeaseMs(state);",
    replace: "untilMs >= leavingSinceMs;",
    why: "DESIGN 7: it is granted the longer lease before it leaves, else its Postgres is closed while others wait for it",
    script: "leaves_with_a_longer_lease.txt",
  },
  {
    name: "old-grants-under-later-rules",
    file: "src/core/lease/lease.ts",
    find: "if (turn.volatile.lease.servesUntilMs > 0 && holdsLease(",
    replace: "if (turn.volatile.lease.servesUntilMs < 0 && holdsLease(",
    why: "DESIGN 7, I8: it serves while it holds grants under every ruleset in force, not under those of before",
    script: "leaves_with_a_longer_lease.txt",
  },
  {
    name: "fences-when-it-leaves",
    file: "src/core/keeper/keeper.ts",
    find: 'if (postgres.process === "running" && volatile.awayMs === 0)',
    replace: 'if (postgres.process === "running")',
    why: "a sidecar that is restarted on purpose leaves its Postgres running",
    script: "sidecar_restarted_on_purpose.txt",
  },
];
