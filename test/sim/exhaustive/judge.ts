import { bitsOf } from "../../core/exhaustive/every_cohort.js";
import { Oracle } from "../../core/exhaustive/oracle.js";
import type { Log } from "./log_tree.js";
import { entriesOf, holds, textOf } from "./log_tree.js";
import type { Local } from "./node_table.js";

export interface Verdict {
  readonly facts: readonly number[];
  readonly violation: string | null;
}

/** What the judge remembers. `record` is a commit that was acknowledged, or the first record of an established leader. */
type Fact =
  | { readonly kind: "promoted"; readonly term: bigint; readonly node: string }
  | { readonly kind: "acknowledged" | "established"; readonly term: bigint; readonly record: Log };

/**
 * DESIGN 9 over a whole cluster, after each step. I5, I10 and the rest of what one node can see of the invariants is
 * asserted by the core itself in each step.
 */
export class Judge {
  private readonly ids: readonly string[];
  private readonly all: Fact[] = [];
  private readonly numbers = new Map<string, number>();
  /** What each node's state shows, by its number. */
  private readonly shown = new Map<number, { readonly facts: readonly number[]; readonly wrong: readonly string[] }>();

  constructor(ids: readonly string[]) {
    this.ids = ids;
  }

  /** @param i the node that changed. */
  look(facts: readonly number[], now: readonly Local[], i: number): Verdict {
    const { facts: shown, wrong } = this.shownBy(now[i] as Local);
    const added = shown.filter((fact) => !facts.includes(fact));
    if (added.length === 0) return { facts, violation: null };
    const all = [...facts, ...added].sort((a, b) => a - b);
    const known = all.map((id) => this.all[id] as Fact);
    const broken = [...wrong, ...oneLeaderATerm(known), ...preserved(known, now, this.ids), ...oneHistory(known, now)];
    return { facts: all, violation: broken[0] ?? null };
  }

  /** Kinds and terms of all that ever became a fact. */
  reached(): string[] {
    return [...new Set(this.all.map(({ kind, term }) => `${kind} ${term}`))].sort();
  }

  private shownBy(local: Local) {
    const found = this.shown.get(local.id);
    if (found !== undefined) return found;
    const facts: Fact[] = [];
    const { table, state } = local;
    if (table.primary > 0n) facts.push({ kind: "promoted", term: table.primary, node: state.config.self });
    const { leading } = state.volatile;
    const first = leading?.stage === "established" ? at(table.log, leading.firstRecord ?? 0n) : undefined;
    if (leading?.stage === "established" && first !== undefined)
      facts.push({ kind: "established", term: leading.term, record: first });
    const commits = released(local);
    for (const { record } of commits) facts.push({ kind: "acknowledged", term: record.timeline, record });
    const wrong = commits.flatMap(({ record, holders }) => enforcedIsJudged(local, holders, record));
    const shown = { facts: facts.map((fact) => this.numberOf(fact)), wrong };
    this.shown.set(local.id, shown);
    return shown;
  }

  private numberOf(fact: Fact): number {
    const text = `${fact.kind} ${fact.term} ${fact.kind === "promoted" ? fact.node : fact.record.id}`;
    const found = this.numbers.get(text);
    if (found !== undefined) return found;
    this.numbers.set(text, this.all.length);
    return this.all.push(fact) - 1;
  }
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

function oneLeaderATerm(facts: readonly Fact[]): string[] {
  const terms = facts.filter((f) => f.kind === "promoted").map((f) => f.term);
  return terms
    .filter((term, n) => terms.indexOf(term) !== n)
    .map((term) => `I3: two nodes were promoted under term ${term}`);
}

/** I1, in its strong form, and I4: every promoted leader of a later term holds what was acknowledged. */
function preserved(facts: readonly Fact[], now: readonly Local[], ids: readonly string[]): string[] {
  return now.flatMap(({ table }, n) =>
    facts
      .filter((f) => f.kind === "acknowledged" && table.primary > f.term && !holds(table.log, f.record))
      .map(
        (f) => `I1: ${ids[n]}, promoted under term ${table.primary}, lacks a commit that term ${f.term} acknowledged`,
      ),
  );
}

/** I2: what an earlier leader was established on is in the log of each later one when it is established. */
function oneHistory(facts: readonly Fact[], now: readonly Local[]): string[] {
  return now.flatMap(({ table, state }) => {
    const { leading } = state.volatile;
    if (leading?.stage !== "established") return [];
    return facts
      .filter((f) => f.kind === "established" && f.term < leading.term && !holds(table.log, f.record))
      .map((f) => `I2: the leader of term ${leading.term} is established without the first record of term ${f.term}`);
  });
}
