import { bitsOf } from "../../core/exhaustive/every_cohort.js";
import { Oracle } from "../../core/exhaustive/oracle.js";
import type { Log } from "./log_tree.js";
import { entriesOf, textOf } from "./log_tree.js";
import type { Local } from "./node_table.js";

export interface Verdict {
  readonly facts: readonly string[];
  readonly violation: string | null;
}

/**
 * DESIGN 9 over a whole cluster, after each step. Facts, as text: `acknowledged TERM LOG`, `promoted TERM NODE`,
 * `established TERM LOG`, where LOG is the number of the record. I5, I10 and the rest of what one node can see of the
 * invariants is asserted by the core itself in each step.
 */
export function judge(
  facts: readonly string[],
  before: Local,
  now: readonly Local[],
  i: number,
  ids: readonly string[],
): Verdict {
  const after = now[i] as Local;
  const added: string[] = [];
  const wrong: string[] = [];
  if (after.table.primary > 0n && before.table.primary !== after.table.primary)
    added.push(`promoted ${after.table.primary} ${ids[i]}`);
  const established = after.state.volatile.leading;
  if (established?.stage === "established" && established.firstRecord !== null) {
    const first = at(after.table.log, established.firstRecord);
    const fact = `established ${established.term} ${first?.id}`;
    if (!facts.includes(fact)) added.push(fact);
  }
  for (const { record, holders } of released(after)) {
    const fact = `acknowledged ${record.timeline} ${record.id}`;
    if (facts.includes(fact)) continue;
    added.push(fact);
    wrong.push(...enforcedIsJudged(after, holders, record));
  }
  if (added.length === 0) return { facts, violation: null };
  const all = [...facts, ...added].sort();
  wrong.push(...oneLeaderATerm(all), ...preserved(all, now, ids), ...oneHistory(all, now));
  return { facts: all, violation: wrong[0] ?? null };
}

function at(log: Log | null, lsn: bigint): Log | undefined {
  return entriesOf(log).find((l) => l.lsn === lsn);
}

/** What stock Postgres lets a commit return on: the names in force, and nothing else. */
function released({ table }: Local): { readonly record: Log; readonly holders: readonly string[] }[] {
  const { primary, names, log, acknowledged } = table;
  if (primary === 0n) return [];
  const need = Number(/^ANY (\d+)/.exec(names)?.[1] ?? 0);
  const listed = [...names.matchAll(/"([^"@]+)@(\d+)"/g)]
    .filter(([, , term]) => BigInt(term ?? 0) === primary)
    .map(([, id]) => id ?? "");
  const commits = entriesOf(log).filter((l) => l.timeline === primary && l.entry.kind === "write");
  return commits
    .map((record) => ({ record, holders: listed.filter((id) => (acknowledged[id] ?? 0n) >= record.lsn) }))
    .filter(({ holders }) => holders.length >= need);
}

/** I6: whoever lets a commit through satisfies the policy that elections use, of every ruleset in force here. */
function enforcedIsJudged(leader: Local, holders: readonly string[], record: Log): string[] {
  const { leading } = leader.state.volatile;
  const self = leader.state.config.self;
  const rules = leading === null ? [] : [...leading.obliged];
  return rules
    .filter((ruleset) => !new Oracle(ruleset).holds(Number(self.slice(1)), bitsOf([self, ...holders])))
    .map(
      () =>
        `I6: ${textOf(record.entry)} was released on ${self}+${holders.join("+")}, which the policy does not accept`,
    );
}

function oneLeaderATerm(facts: readonly string[]): string[] {
  const terms = facts.filter((f) => f.startsWith("promoted")).map((f) => f.split(" ")[1]);
  return terms
    .filter((term, n) => terms.indexOf(term) !== n)
    .map((term) => `I3: two nodes were promoted under term ${term}`);
}

/** I1, in its strong form, and I4: every promoted leader of a later term holds what was acknowledged. */
function preserved(facts: readonly string[], now: readonly Local[], ids: readonly string[]): string[] {
  const acknowledged = facts.filter((f) => f.startsWith("acknowledged")).map((f) => f.split(" ").slice(1).map(Number));
  return now.flatMap(({ table }, n) => {
    const held = new Set(entriesOf(table.log).map((l) => l.id));
    return acknowledged
      .filter(([term = 0, record = 0]) => table.primary > BigInt(term) && !held.has(record))
      .map(
        ([term]) =>
          `I1: ${ids[n]}, promoted under term ${table.primary}, lacks a commit that was acknowledged under ${term}`,
      );
  });
}

/** I2: what an earlier leader was established on is in the log of each later one when it is established. */
function oneHistory(facts: readonly string[], now: readonly Local[]): string[] {
  const firsts = facts.filter((f) => f.startsWith("established")).map((f) => f.split(" ").slice(1).map(Number));
  return now.flatMap(({ table, state }) => {
    const { leading } = state.volatile;
    if (leading?.stage !== "established") return [];
    const held = new Set(entriesOf(table.log).map((l) => l.id));
    return firsts
      .filter(([term = 0, record = 0]) => BigInt(term) < leading.term && !held.has(record))
      .map(
        ([term]) => `I2: the leader of term ${leading.term} is established without the first record of term ${term}`,
      );
  });
}
