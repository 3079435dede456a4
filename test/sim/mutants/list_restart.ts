import type { Mutant } from "./mutant.js";

const ADOPTION = "src/core/keeper/adoption.ts";
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
    find: "if (leaseMs > 0 && (primary.servesForMs ?? 0) <= 0)",
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
    name: "fences-when-it-leaves",
    file: "src/core/keeper/keeper.ts",
    find: 'if (postgres.process === "running" && volatile.awayMs === 0)',
    replace: 'if (postgres.process === "running")',
    why: "a sidecar that is restarted on purpose leaves its Postgres running",
    script: "sidecar_restarted_on_purpose.txt",
  },
];
