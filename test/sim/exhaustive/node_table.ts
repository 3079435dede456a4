import type { PostgresAction } from "../../../src/core/effects.js";
import type { Term } from "../../../src/core/log/position.js";
import type { NodeId } from "../../../src/core/ruleset/ruleset.js";
import type { State } from "../../../src/core/state.js";
import type { Log } from "./log_tree.js";

/** A Postgres as a small table: it answers every action in one step, or is gone. */
export interface Table {
  /** Null without data. */
  readonly system: string | null;
  readonly log: Log | null;
  /** The term under which it is a primary, or 0. */
  readonly primary: Term;
  readonly receiver: { readonly leader: NodeId; readonly term: Term } | null;
  readonly open: boolean;
  readonly names: string;
  /** What its standbys acknowledged to it, as LSNs. */
  readonly acknowledged: Readonly<Record<NodeId, bigint>>;
}

/** One machine: the core's own state, its Postgres, and the operations that are under way. */
export interface Local {
  readonly id: number;
  readonly state: State;
  readonly table: Table;
  readonly op: PostgresAction | null;
  readonly clone: Extract<PostgresAction, { kind: "clone" }> | null;
}

export const NO_DATA: Table = {
  system: null,
  log: null,
  primary: 0n,
  receiver: null,
  open: false,
  names: "",
  acknowledged: {},
};

/** After a crash: the data stays, everything else is gone. */
export function crashed(table: Table): Table {
  return { ...NO_DATA, system: table.system, log: table.log, names: table.names };
}
