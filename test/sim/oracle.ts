/**
 * What is durable, what suffices, who can make progress: said a second time, from DESIGN alone and without a line of
 * the core's own maths, by counting over all members.
 */
import {
  type Member,
  type PerLeaderPolicy,
  policyText,
  type Ruleset,
  type RulesetRecord,
} from "../../src/core/ruleset/ruleset.js";

/** Who leads, or would: a name in another incarnation is another node. */
export interface Leader {
  readonly id: string;
  readonly incarnation: string;
}

/**
 * Whether `holds` answers yes for the copies that the ruleset asks of this leader. Of one that is no eligible member a
 * quorum of somebody who is, and its own copy does not count.
 */
export function enough(ruleset: Ruleset, leader: Leader, holds: (id: string, incarnation: string) => boolean): boolean {
  if (ruleset.policy.kind === "per_leader") return anyWhole(ruleset, ruleset.policy, leader, holds);
  const needed = ruleset.policy.kind === "majority" ? (ruleset.cohort.length >> 1) + 1 : ruleset.policy.copies;
  const own = ruleset.cohort.find((m) => m.id === leader.id && m.incarnation === leader.incarnation);
  const eligible = own?.eligible === true;
  let copies = 0;
  let somebodyElse = false;
  for (const member of ruleset.cohort) {
    if (!holds(member.id, member.incarnation)) continue;
    if (member === own && !eligible) continue;
    copies++;
    if (member.eligible) somebodyElse = true;
  }
  if (copies < needed) return false;
  return eligible ? holds(own.id, own.incarnation) : somebodyElse;
}

/** The same where each leader has quorums of its own: somebody who may lead has a copy, and so has a whole set of its. */
function anyWhole(
  { cohort }: Ruleset,
  { quorums }: PerLeaderPolicy,
  leader: Leader,
  holds: (id: string, incarnation: string) => boolean,
): boolean {
  const own = cohort.find((m) => m.id === leader.id && m.incarnation === leader.incarnation);
  const counts = (m: Member) => holds(m.id, m.incarnation) && (own?.eligible === true || m !== own);
  const held = cohort.filter(counts).map((m) => m.id);
  const may = own?.eligible === true ? [own] : cohort.filter((m) => m.eligible);
  return may.some(
    (m) => held.includes(m.id) && (quorums[m.id] ?? []).some((set) => set.every((id) => held.includes(id))),
  );
}

/** Whether nobody outside `set` could lead with copies outside it alone. */
export function revoked(ruleset: Ruleset, set: ReadonlySet<string>): boolean {
  return !ruleset.cohort.some((m) => m.eligible && !set.has(m.id) && enough(ruleset, m, (id) => !set.has(id)));
}

/**
 * The rulesets that a log obliges to: the last one marked decided and all later ones that are not void. `counts` says
 * whether a mark is durable already; the first ruleset of a log counts as decided.
 */
export function obliging(
  records: readonly RulesetRecord[],
  counts: (mark: RulesetRecord) => boolean = () => true,
): Ruleset[] {
  let live: { term: bigint; subterm: number; ruleset: Ruleset }[] = [];
  for (const record of records) {
    const { term, subterm } = record.number;
    const at = live.findIndex((l) => l.term === term && l.subterm === subterm);
    if (record.state === "proposed" && record.ruleset !== null) {
      if (at < 0) live.push({ term, subterm, ruleset: record.ruleset });
    } else if (record.state === "decided") {
      if (at > 0 && counts(record)) live = live.slice(at);
    } else if (record.state === "void")
      // That one and what was proposed before it; the decided one stays.
      live = live.filter((l, i) => i === 0 || l.term > term || (l.term === term && l.subterm > subterm));
  }
  return live.map((l) => l.ruleset);
}

/** Rulesets compared by what they say. */
export function rulesetText({ policy, cohort }: Ruleset): string {
  return `${policyText(policy)}: ${cohort.map((m) => `${m.id}/${m.incarnation}/${m.eligible ? "" : "!"}`).join(" ")}`;
}
