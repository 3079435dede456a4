import type { Mutant } from "./mutant.js";

const RESTARTING = "src/core/keeper/restarting.ts";

/** What keeps a restart of one Postgres from costing writes, or more. */
export const POSTGRES_RESTART_MUTANTS: readonly Mutant[] = [
  {
    name: "restart-without-a-quorum",
    file: RESTARTING,
    find: "notNow(turn) ?? unseen ?? (force ? null : unsafe(turn))",
    replace: "notNow(turn) ?? unseen",
    why: "a follower without which no commit could complete is not stopped",
    script: "restart_needs_a_quorum.txt",
  },
  {
    name: "restart-asks-once",
    file: RESTARTING,
    find: "const refusal = restart.force ? null : unsafe(turn);",
    replace: "const refusal = null;",
    why: "the same is asked again right before it is stopped",
    script: "restart_needs_a_quorum.txt",
  },
  {
    name: "restart-counts-who-does-not-stream",
    file: RESTARTING,
    find: 'role === "follower" && streaming && follows === term',
    replace: 'role === "follower" && follows === term',
    why: "who receives nothing completes no commit",
    script: "restart_needs_a_quorum.txt",
  },
  {
    name: "restart-stops-a-leader",
    file: RESTARTING,
    find: "  if (leading !== null)\n",
    replace: "  if (leading === undefined)\n",
    why: "DESIGN 7: a leader is not stopped and gone on with, it hands over",
    script: "restart_of_a_follower.txt",
  },
  {
    name: "restart-of-the-leader-first",
    file: RESTARTING,
    find: ".some(isRaiseForStandbys)",
    replace: ".some(() => false)",
    why: "a follower with less than its leader stops its replay",
    script: "restart_followers_first.txt",
  },
  {
    name: "restarted-without-a-new-process",
    file: RESTARTING,
    find: 'stage: "returning", postmasterPid }',
    replace: 'stage: "returning", postmasterPid: null }',
    why: "never report what was not verified: the stop may have failed",
    script: "sim_ledger_4762.txt",
  },
  {
    name: "settings-of-a-process-that-ended",
    file: "src/core/status.ts",
    find: "if (settings === null || settings.postmasterPid !== postmasterPid) return {};",
    replace: "if (settings === null) return {};",
    why: "what another process waited for is over",
    script: "restart_followers_first.txt",
  },
];
