import type { Lsn } from "../log/lsn.js";
import { LSN_ZERO } from "../log/lsn.js";
import type { NodeId, Ruleset } from "../ruleset/ruleset.js";
import type { Seats } from "../ruleset/seats.js";
import { seated } from "../ruleset/seats.js";
import { satisfiedAll } from "./policy.js";

/**
 * The highest LSN that a quorum has flushed, under every ruleset given: most advanced first,
 * nodes are added until the policy says yes; the LSN of the last one added is the quorum LSN.
 * The leader's own flushed LSN is among `flushed`. Zero if all of them together are no quorum.
 */
export function quorumLsn(
  rulesets: readonly Ruleset[],
  leader: NodeId,
  flushed: ReadonlyMap<NodeId, Lsn>,
  seats: Seats = {},
): Lsn {
  const rules = seated(rulesets, seats);
  const sorted = [...flushed].sort(([, a], [, b]) => (a === b ? 0 : a > b ? -1 : 1));
  const holders = new Set<NodeId>();
  for (const [id, lsn] of sorted) {
    holders.add(id);
    if (satisfiedAll(rules, leader, holders)) return lsn;
  }
  return LSN_ZERO;
}
