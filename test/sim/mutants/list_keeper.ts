import type { Mutant } from "./mutant.js";

const KEEPER = "src/core/keeper/keeper.ts";
const REPORTS = "src/core/keeper/reports.ts";

/** The local Postgres: what it may receive, what may take its place, what it may show. */
export const KEEPER_MUTANTS: readonly Mutant[] = [
  {
    name: "dials-uncontained",
    file: KEEPER,
    find: "if (unserved || isEmptyPosition(still.position) || !contains(following.ready.history, still.position)) {",
    replace: "if (unserved || isEmptyPosition(still.position)) {",
    why: "DESIGN 3: a node connects to a leader only if its position is contained in the leader's history",
  },
  {
    name: "swap-below-the-old-position",
    file: KEEPER,
    find: "old !== null && comparePositions(ready.position, old) >= 0 && contains(following.ready.history, ready.position);",
    replace: "old !== null && contains(following.ready.history, ready.position);",
    why: "DESIGN 5.7 ◆, H7: it swaps only at or above the old position",
  },
  {
    name: "swap-uncontained",
    file: KEEPER,
    find: "old !== null && comparePositions(ready.position, old) >= 0 && contains(following.ready.history, ready.position);",
    replace: "old !== null && comparePositions(ready.position, old) >= 0;",
    why: "DESIGN 5.7 ◆: the clone is contained in the history of the leader it follows",
  },
  {
    name: "swap-of-another-system",
    file: KEEPER,
    find: "if (!fits || ready.systemIdentifier !== following.ready.systemIdentifier) {",
    replace: "if (!fits) {",
    why: "DESIGN 8: data of another cluster is not taken",
  },
  {
    name: "clone-of-another-term-swapped",
    file: KEEPER,
    find: "if (postgres.clone === null || postgres.clone.term !== following.term) {",
    replace: "if (postgres.clone === null) {",
    why: "DESIGN 5.7 ◆: a clone of the leader it follows",
  },
  {
    name: "receives-from-an-older-leader",
    file: KEEPER,
    find: "volatile.pending !== null || following === null || elsewhere || refused || ",
    replace: "volatile.pending !== null || following === null || refused || ",
    why: "DESIGN 5.5: a follower stops its receiver and waits",
  },
  {
    name: "recruited-follower-receives",
    file: KEEPER,
    find: "volatile.pending !== null || following === null || elsewhere || refused || ",
    replace: "refused || ",
    why: "DESIGN 5.2: a recruited node stops taking part in earlier terms",
  },
  {
    name: "door-before-streaming",
    file: KEEPER,
    find: "if (postgres.receiver === null || !postgres.streaming) return;",
    replace: "if (postgres.receiver === null) return;",
    why: "DESIGN 7 ◆, I10: it admits clients only when its position is contained and it streams",
  },
  {
    name: "clone-over-lost-data",
    file: KEEPER,
    find: "if (following?.ready != null && !hasLostItsData(turn.state())) cloneOrSwap(turn, following);",
    replace: "if (following?.ready != null) cloneOrSwap(turn, following);",
    why: "DESIGN 5.7: data that is gone makes a non-voter until it has caught up",
  },
  {
    name: "names-of-the-newest-at-the-revocation",
    file: KEEPER,
    find: "const compiled = compileNative(rules.obliged, turn.self);",
    replace: "const compiled = compileNative([rules.newest], turn.self);",
    why: "DESIGN 5.5: the candidate's names are in force before it promotes, satisfying every ruleset",
  },
  {
    name: "log-without-rulesets-counts",
    file: REPORTS,
    find: "const position = ruled || dropped ? report.position : POSITION_EMPTY;",
    replace: "const position = report.position;",
    why: "DESIGN 8 ◆: a log without any ruleset record counts as empty",
  },
  {
    name: "restored-directory-accepted",
    file: REPORTS,
    find: "  if (held && systemIdentifier !== null && systemIdentifier !== report.systemIdentifier) {",
    replace: "  if (false) {",
    why: "DESIGN 8: a directory of another cluster is quarantined with the reason",
  },
  {
    name: "clone-never-held",
    file: REPORTS,
    find: "  turn.promise({\n    held: true,\n    founding: TERM_NONE,\n    joining: TERM_NONE,\n    ...(ready",
    replace: "  turn.promise({\n    founding: TERM_NONE,\n    joining: TERM_NONE,\n    ...(ready",
    why: "DESIGN 5.7: data that once held a copy and is gone makes a non-voter",
  },
  {
    name: "first-record-never-held",
    file: "src/core/leader/leader.ts",
    find: "turn.promise({ held: true, founding: TERM_NONE, systemIdentifier: leading.systemIdentifier });",
    replace: "turn.promise({ founding: TERM_NONE, systemIdentifier: leading.systemIdentifier });",
    why: "DESIGN 5.7, 8: a founder's data counts from its first record on",
  },
  {
    name: "door-stays-open-in-a-dead-postgres",
    file: REPORTS,
    find: '    streaming: false,\n    door: "shut",\n    postmasterPid: null,\n    // The others elect meanwhile;',
    replace: "    streaming: false,\n    postmasterPid: null,\n    // The others elect meanwhile;",
    why: "DESIGN 7 ◆: a Postgres that starts, starts behind a shut door",
  },
];
