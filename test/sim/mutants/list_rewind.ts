import type { Mutant } from "./mutant.js";

const REWIND = "src/core/keeper/rewind.ts";

/** A rewind in place: the word that is given before it, when it may begin, and what it leaves. */
export const REWIND_MUTANTS: readonly Mutant[] = [
  {
    name: "votes-during-the-rewind",
    file: REWIND,
    find: "  turn.promise({ nonVoter: true });\n  turn.operate(",
    replace: "  turn.operate(",
    why: "DESIGN 5.7 ◆: before a rewind starts the node persists that it is a non-voter",
    script: "rewind_crashes.txt",
  },
  {
    name: "rewound-votes-at-once",
    file: REWIND,
    find: '  turn.setPostgres({ data: "present", process: "stopped", still: null });\n',
    replace:
      '  turn.setPostgres({ data: "present", process: "stopped", still: null });\n  turn.promise({ nonVoter: false });\n',
    why: "DESIGN 5.7 ◆: it votes again only once it has flushed up to the end that its leader reported after that",
    script: "rewound_and_votes_again_late.txt",
  },
  {
    name: "clones-that-fail-follow-at-once",
    file: "src/core/keeper/clone_failures.ts",
    find: "return nowMs >= cloneDueMs(postgres.clonesFailed, term, config.timings.retryMs);",
    replace: "return true;",
    why: "PAINS.md P11: each clone that fails may have read all of the leader's data, so they are bounded",
    script: "clone_fails_again_and_again.txt",
  },
  {
    name: "clones-where-there-is-no-room",
    file: REWIND,
    find: "if (means.bytes < fromBytes && (means.noClone ?? null) === null)",
    replace: "if (means.bytes < fromBytes)",
    why: "what there is no room for beside the data is rewound where the rules allow",
    script: "rewind_where_no_clone_fits.txt",
  },
  {
    name: "rewinds-before-the-checkpoint",
    file: REWIND,
    find: 'if (facts.others === "suffice" && facts.checkpointed) return { way: "rewind" };',
    replace: 'if (facts.others === "suffice") return { way: "rewind" };',
    why: "POSTGRES.md trap 8: before the new leader's first checkpoint pg_rewind says that no rewind is required",
    script: "rewind_before_the_checkpoint.txt",
  },
  {
    name: "checkpoint-told-before-it-is-done",
    file: "src/core/status.ts",
    find: 'checkpointed: leading?.checkpoint === "done",',
    replace: 'checkpointed: leading != null && leading.checkpoint !== "due",',
    why: "POSTGRES.md trap 8: the leader's checkpoint is what pg_rewind looks at, not that it was asked for",
    script: "rewind_before_the_checkpoint.txt",
  },
  {
    name: "rewinds-although-its-vote-is-needed",
    file: REWIND,
    find: '  return suffice(streaming) ? "suffice" : suffice(heard) ? "not_yet" : "too_few";',
    replace: '  return suffice(streaming) || true ? "suffice" : "too_few";',
    why: "DESIGN 5.7: the clone when the rest of the voters would not suffice",
    script: "clone_since_the_vote_is_needed.txt",
  },
  {
    name: "two-rewinds-count-one-another",
    file: REWIND,
    find: "    if (id === leader || peer.status.streaming) streaming.push(id);",
    replace: "    streaming.push(id);",
    why: "DESIGN 5.7: the rest of the voters would not suffice: one that is about to rewind as well is none of them",
    script: "clone_since_the_vote_is_needed.txt",
  },
  {
    name: "starts-half-rewound-data",
    file: "src/core/postgres_known.ts",
    find: 'data: data.torn === true ? "torn" : data.present',
    replace: "data: data.present",
    why: "DESIGN 5.7, POSTGRES.md B: what a crash in the middle of a rewind left is no log",
    script: "rewind_crashes.txt",
  },
  {
    name: "a-failed-rewind-leaves-a-log",
    file: REWIND,
    find: '  return left === "present" && (before === "torn" || failed === "rewind") ? "torn" : left;',
    replace: "  return left;",
    why: "DESIGN 5.7, POSTGRES.md B: what a failed rewind left is no log",
    script: "rewind_crashes.txt",
  },
  {
    name: "rewinds-for-ever",
    file: REWIND,
    find: "  if (facts.tried) return clone(",
    replace: "  if (false) return clone(",
    why: "POSTGRES.md D: a rewind, then the check that it streams, else a clone",
    script: "rewound_in_vain.txt",
  },
];
