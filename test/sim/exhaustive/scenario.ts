import type { InitialRuleset, Policy, Ruleset, RulesetRecord } from "../../../src/core/ruleset/ruleset.js";
import { freshDurable, initialState } from "../../../src/core/state.js";
import { timingsFrom } from "../../../src/core/timings.js";
import type { Log } from "./log_tree.js";
import { NO_DATA } from "./node_table.js";
import type { Nodes } from "./nodes.js";
import { NodeTurn } from "./turn_of_a_node.js";
import type { World } from "./world.js";

/** One bounded search: who there is, what they hold, and how much may happen. */
export interface Scenario {
  readonly name: string;
  readonly what: string;
  readonly ids: readonly string[];
  readonly initial: InitialRuleset;
  readonly termMax: bigint;
  readonly writes: number;
  readonly crashes: number;
  readonly attempts: number;
  /** Each node's log, record by record; null for an empty node. */
  readonly logs: readonly (readonly RulesetRecord[] | null)[];
}

export function record(
  number: readonly [number, number],
  state: RulesetRecord["state"],
  ruleset: Ruleset | null,
): RulesetRecord {
  return { number: { term: BigInt(number[0]), subterm: number[1] }, state, ruleset, writtenBy: "n1" };
}

/** `n2!` is a member that may not lead. */
export function ruleset(members: string, policy: Policy): Ruleset {
  const cohort = members.split(" ").map((word) => {
    const id = word.slice(0, 2);
    return { id, incarnation: `${id}-a`, labels: {}, eligible: !word.endsWith("!") };
  });
  return { policy, cohort };
}

/** All nodes have just started; none leads. */
export function start(nodes: Nodes, scenario: Scenario): World {
  const locals = scenario.ids.map((id, i) => {
    const records = scenario.logs[i] ?? null;
    const durable = freshDurable("shop", id, `${id}-a`);
    const promised = { term: 2n, attempt: { node: "n9", nonce: "before" } };
    const config = {
      self: id,
      boot: `${id}.1`,
      initial: scenario.initial,
      timings: timingsFrom(3000),
      host: id,
      postgresPort: 5432,
      postgresVersion: null,
      dataDir: "data",
      sidecarPid: 1,
      unixOffsetMs: 0,
      admitObservers: false,
    };
    let log: Log | null = null;
    for (const entry of records ?? [])
      log = nodes.tree.append(log, entry.number.term, { kind: "ruleset", record: entry });
    const word = records === null ? durable : { ...durable, promise: promised, held: true, systemIdentifier: "s" };
    const state = initialState(config, word, { present: records !== null, oldKept: false }, 0);
    const table = records === null ? NO_DATA : { ...NO_DATA, log, system: "s" };
    const turn = new NodeTurn({ state, table, op: null, clone: null }, nodes.tree);
    turn.take({ kind: "tick" });
    return nodes.intern(turn.change()).id;
  });
  return {
    locals,
    messages: [],
    facts: [],
    writes: scenario.writes,
    crashes: scenario.crashes,
    attempts: scenario.attempts,
  };
}
