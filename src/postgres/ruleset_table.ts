import type { Lsn } from "../core/log/lsn.js";
import type { NodeId, Ruleset, RulesetRecord } from "../core/ruleset/ruleset.js";
import type { SqlRunner } from "./sql/runner.js";

export interface RulesetRow extends RulesetRecord {
  /** Why it was written, for people. */
  readonly cause: string;
}

/** Rows as read back; `none` when schema or table do not exist or the table is empty. */
export type RulesetsRead =
  | { readonly kind: "none" }
  | { readonly kind: "rows"; readonly rows: readonly RulesetRow[] }
  /** Somebody wrote into our table: the row and what is wrong with it. */
  | { readonly kind: "damaged"; readonly reason: string };

export interface FoundingOptions {
  readonly superuser: { readonly name: string; readonly password: string };
  readonly replication: { readonly name: string; readonly password: string };
  readonly ruleset: Ruleset;
  readonly term: bigint;
  readonly writtenBy: NodeId;
  readonly cause: string;
}

/** Roles, schema and first ruleset in one local transaction (DESIGN 8). Returns the LSN that a quorum must pass. */
export async function foundCluster(_session: SqlRunner, _options: FoundingOptions): Promise<Lsn> {
  throw new Error("not built yet");
}

/** Writes a row; does not wait for any quorum. Returns the LSN that a quorum must pass for the row to be durable. */
export async function writeRuleset(_session: SqlRunner, _row: RulesetRow): Promise<Lsn> {
  throw new Error("not built yet");
}

/** Oldest first; works on a standby. */
export async function readRulesets(_session: SqlRunner): Promise<RulesetsRead> {
  throw new Error("not built yet");
}
