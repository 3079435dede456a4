import type { Term } from "../log/position.js";
import type { NodeId, Ruleset } from "../ruleset/ruleset.js";
import type { Seats } from "../ruleset/seats.js";
import { seated } from "../ruleset/seats.js";
import { followersOf, minimalQuorums } from "./minimal_quorums.js";
import { satisfiedAll } from "./policy.js";
import { subsetsOfSize } from "./sufficiency.js";

/** `ANY need (followers)`: any `need` of these followers hold the WAL before a commit returns. */
export interface NativeRule {
  readonly need: number;
  readonly followers: readonly NodeId[];
  /** False for a stricter setting that merely implies the rulesets: safe, for the short life of a joint rule. */
  readonly exact: boolean;
}

export type Compiled =
  | { readonly ok: true; readonly rule: NativeRule }
  | { readonly ok: false; readonly reason: string };

/**
 * Compiles the rulesets for this leader to `synchronous_standby_names`, proven over the minimal quorums:
 * exactly if these are all the k-subsets of one set of followers, never "about".
 * https://www.postgresql.org/docs/current/runtime-config-replication.html#GUC-SYNCHRONOUS-STANDBY-NAMES
 */
export function compileExactly(rulesets: readonly Ruleset[], leader: NodeId, seats: Seats = {}): Compiled {
  const minimal = minimalQuorums(seated(rulesets, seats), leader);
  const first = minimal[0];
  if (first === undefined)
    return { ok: false, reason: `no set of followers satisfies the policy for leader ${leader}` };
  if (first.length === 0)
    return { ok: false, reason: `leader ${leader} alone would satisfy the policy; the names must never be empty` };
  const need = first.length;
  const followers = [...new Set(minimal.flat())].sort();
  const odd = minimal.find((set) => set.length !== need);
  if (odd !== undefined)
    return { ok: false, reason: `quorums of different sizes: {${first.join(", ")}} and {${odd.join(", ")}}` };
  const absent = subsetsOfSize(followers, need).find((set) => !minimal.some((m) => m.every((id, i) => id === set[i])));
  if (absent !== undefined)
    return { ok: false, reason: `ANY ${need} would also accept {${absent.join(", ")}}, which the policy does not` };
  return { ok: true, rule: { need, followers, exact: true } };
}

/** A leader asks after every event; what it is obliged to stays the same list until a ruleset is let go. */
const compiledFor = new WeakMap<readonly Ruleset[], WeakMap<Seats, Map<NodeId, Compiled>>>();
const NO_SEATS: Seats = {};

/**
 * The exact setting if there is one, else the weakest native one that implies every ruleset: of all that imply it,
 * the one that the most sets of followers satisfy. Such a setting only ever makes commits wait longer.
 */
export function compileNative(asked: readonly Ruleset[], leader: NodeId, seats: Seats = NO_SEATS): Compiled {
  const bySeats = compiledFor.get(asked) ?? new WeakMap<Seats, Map<NodeId, Compiled>>();
  compiledFor.set(asked, bySeats);
  const byLeader = bySeats.get(seats) ?? new Map<NodeId, Compiled>();
  bySeats.set(seats, byLeader);
  const known = byLeader.get(leader);
  if (known !== undefined) return known;
  const compiled = compileOnce(seated(asked, seats), leader);
  byLeader.set(leader, compiled);
  return compiled;
}

interface Compilation {
  readonly rulesets: readonly Ruleset[];
  readonly leader: NodeId;
  readonly compiled: Compiled;
}

/** By the first of the rulesets: lists are made anew with each term and each try of a change, the rulesets in them are not. */
const compilations = new WeakMap<Ruleset, Compilation[]>();
/** Of one ruleset, with those that may stand beside it and those that may lead: more is not kept. */
const COMPILATIONS_MAX = 32;

function compileOnce(rulesets: readonly Ruleset[], leader: NodeId): Compiled {
  const [first] = rulesets;
  if (first === undefined) return weakestNative(rulesets, leader);
  const known = compilations.get(first) ?? [];
  const same = (c: Compilation) =>
    c.leader === leader && c.rulesets.length === rulesets.length && c.rulesets.every((r, i) => r === rulesets[i]);
  const found = known.find(same);
  if (found !== undefined) return found.compiled;
  const compiled = weakestNative(rulesets, leader);
  compilations.set(first, [{ rulesets, leader, compiled }, ...known].slice(0, COMPILATIONS_MAX));
  return compiled;
}

function weakestNative(rulesets: readonly Ruleset[], leader: NodeId): Compiled {
  const exact = compileExactly(rulesets, leader);
  if (exact.ok) return exact;
  let best: { rule: NativeRule; accepts: number } | undefined;
  const all = followersOf(rulesets, leader);
  for (let size = 1; size <= all.length; size++) {
    for (const followers of subsetsOfSize(all, size)) {
      for (let need = 1; need <= size; need++) {
        const implies = subsetsOfSize(followers, need).every((set) =>
          satisfiedAll(rulesets, leader, new Set([leader, ...set])),
        );
        if (!implies) continue;
        const accepts = acceptedSets(size, need) * 2 ** (all.length - size);
        if (best === undefined || accepts > best.accepts) best = { rule: { need, followers, exact: false }, accepts };
        break;
      }
    }
  }
  return best === undefined ? exact : { ok: true, rule: best.rule };
}

/** How many subsets of `size` followers have at least `need` members. */
function acceptedSets(size: number, need: number): number {
  let sets = 0;
  for (let k = need, c = choose(size, need); k <= size; k++, c = (c * (size - k + 1)) / k) sets += c;
  return sets;
}

function choose(n: number, k: number): number {
  let c = 1;
  for (let i = 1; i <= k; i++) c = (c * (n - i + 1)) / i;
  return c;
}

/** The name under which a follower of this term streams natively: nobody is counted who was not let in under the term (trap 1). */
export function followerName(id: NodeId, term: Term): string {
  return `${id}@${term}`;
}

/** The text of the setting. Names are quoted: they carry `@` and Postgres folds bare ones (trap 17). */
export function formatNames(rule: NativeRule, term: Term): string {
  return `ANY ${rule.need} (${rule.followers.map((id) => `"${followerName(id, term)}"`).join(", ")})`;
}
