import type { RulesetRecord } from "../../../src/core/ruleset/ruleset.js";
import { record, ruleset, type Scenario } from "./scenario.js";

const IDS = ["n1", "n2", "n3"];
const MAJORITY = { kind: "majority" } as const;
const two = { kind: "at_least", copies: 2 } as const;
const all = { kind: "at_least", copies: 3 } as const;

const majority = ruleset("n1 n2 n3", MAJORITY);
const decided = (rules: typeof majority) => [record([2, 0], "proposed", rules), record([2, 0], "decided", null)];

interface Size {
  readonly termMax: bigint;
  readonly writes: number;
  readonly crashes: number;
  readonly attempts: number;
}

/** One more term, two coordinators. */
const SMALL: Size = { termMax: 3n, writes: 1, crashes: 0, attempts: 2 };

function scenario(
  name: string,
  what: string,
  size: Size,
  logs: readonly (readonly RulesetRecord[] | null)[],
): Scenario {
  const initial = { policy: MAJORITY, nodes: IDS.map((id) => ({ id, labels: {} })) };
  return { name, what, ids: IDS, initial, ...size, logs };
}

function same(log: readonly RulesetRecord[]) {
  return IDS.map(() => log);
}

/** n1 proposed `next` and is gone; n2 holds the proposal, n3 does not. */
function change(name: string, what: string, size: Size, old: typeof majority, next: typeof majority): Scenario {
  const proposed = [...decided(old), record([2, 1], "proposed", next)];
  return scenario(name, what, size, [proposed, proposed, decided(old)]);
}

const shrunk = ruleset("n1 n2", two);
const grownFrom = ruleset("n1 n2", MAJORITY);

function changes(size: Size, suffix: string): Scenario[] {
  return [
    change(`policy${suffix}`, "majority of 3 to all of 3, undecided", size, majority, ruleset("n1 n2 n3", all)),
    change(`shrink${suffix}`, "3 to 2 nodes, undecided", size, majority, shrunk),
    change(`grow${suffix}`, "2 to 3 nodes, undecided", size, grownFrom, majority),
    change(
      `leaderout${suffix}`,
      "n1, which proposed it, is no member of the new rules",
      size,
      majority,
      ruleset("n2 n3", two),
    ),
    change(`ineligible${suffix}`, "n2 may no longer lead, undecided", size, majority, ruleset("n1 n2! n3", MAJORITY)),
  ];
}

/** Complete in seconds: for every change of the code. */
export const BOUNDED: readonly Scenario[] = [
  scenario("majority", "majority of 3", SMALL, same(decided(majority))),
  scenario("all", "all of 3", SMALL, same(decided(ruleset("n1 n2 n3", all)))),
  scenario("witness", "majority of 3, one of which may not lead", SMALL, same(decided(ruleset("n1 n2 n3!", MAJORITY)))),
  ...changes({ ...SMALL, writes: 1 }, ""),
];

/** Minutes each. */
export const LONG: readonly Scenario[] = [
  scenario(
    "majority-two-terms",
    "majority of 3, two more terms, two writes",
    { termMax: 4n, writes: 2, crashes: 0, attempts: 2 },
    same(decided(majority)),
  ),
  scenario(
    "majority-crash",
    "majority of 3, a crash anywhere",
    { termMax: 3n, writes: 1, crashes: 1, attempts: 2 },
    same(decided(majority)),
  ),
  scenario(
    "majority-crash-two-terms",
    "two more terms, two writes, a crash anywhere",
    { termMax: 4n, writes: 2, crashes: 1, attempts: 2 },
    same(decided(majority)),
  ),
  scenario(
    "all-crash",
    "all of 3, a crash anywhere",
    { termMax: 3n, writes: 1, crashes: 1, attempts: 2 },
    same(decided(ruleset("n1 n2 n3", all))),
  ),
  ...changes({ termMax: 4n, writes: 2, crashes: 0, attempts: 2 }, "-two-terms"),
  ...changes({ termMax: 3n, writes: 1, crashes: 1, attempts: 2 }, "-crash"),
  change(
    "whole",
    "all of 3, of which n2 may no longer lead, undecided: two more terms, two writes, a crash anywhere",
    { termMax: 4n, writes: 2, crashes: 1, attempts: 2 },
    ruleset("n1 n2 n3", all),
    ruleset("n1 n2! n3", all),
  ),
  scenario("founding", "three empty nodes, a crash anywhere", { termMax: 3n, writes: 1, crashes: 1, attempts: 2 }, [
    null,
    null,
    null,
  ]),
];

export const SCENARIOS: readonly Scenario[] = [...BOUNDED, ...LONG];
