import type { Blocked } from "../messages.js";
import { followersOf } from "../quorum/minimal_quorums.js";
import { satisfiedAll } from "../quorum/policy.js";
import { seated } from "../ruleset/seats.js";
import type { Turn } from "../turn.js";

/** Of an established leader to whom no quorum is connected: every commit waits, and whoever looks should read why. */
export function waitsForQuorum(turn: Turn): Blocked | null {
  const { leading } = turn.volatile;
  if (leading?.stage !== "established") return null;
  const rulesets = seated(leading.obliged, leading.seats);
  const connected = new Set([turn.self, ...Object.keys(leading.senders)]);
  if (satisfiedAll(rulesets, turn.self, connected)) return null;
  const missing = followersOf(rulesets, turn.self).filter((id) => !connected.has(id));
  return {
    code: "no_quorum",
    reason: `${turn.self} leads term ${leading.term}, but its followers are too few for the policy: every commit waits`,
    missing,
    nextStep: `start ${missing.join(" or ")}, or repair the connection to ${turn.self}`,
  };
}
