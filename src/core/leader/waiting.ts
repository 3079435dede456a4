import type { Blocked } from "../messages.js";
import { followersOf } from "../quorum/minimal_quorums.js";
import { satisfiedAll } from "../quorum/policy.js";
import type { NodeId, Ruleset } from "../ruleset/ruleset.js";
import { seated } from "../ruleset/seats.js";
import type { Leading } from "../state.js";
import type { Turn } from "../turn.js";

/** Whether those who stream from this leader, with itself, satisfy every ruleset in force. */
export function isQuorumConnected(turn: Turn, leading: Leading): boolean {
  return isConnected(turn, leading, leading.obliged);
}

/** Whether they would satisfy these. */
export function isConnected(turn: Turn, leading: Leading, rulesets: readonly Ruleset[]): boolean {
  return satisfiedAll(seated(rulesets, leading.seats), turn.self, connectedTo(turn, leading));
}

function connectedTo(turn: Turn, leading: Leading): ReadonlySet<NodeId> {
  return new Set([turn.self, ...Object.keys(leading.senders)]);
}

/** Of an established leader to whom no quorum is connected: every commit waits, and whoever looks should read why. */
export function waitsForQuorum(turn: Turn): Blocked | null {
  const { leading } = turn.volatile;
  if (leading?.stage !== "established") return null;
  if (isQuorumConnected(turn, leading)) return null;
  const rulesets = seated(leading.obliged, leading.seats);
  const connected = connectedTo(turn, leading);
  const missing = followersOf(rulesets, turn.self).filter((id) => !connected.has(id));
  return {
    code: "no_quorum",
    reason: `${turn.self} leads term ${leading.term}, but its followers are too few for the policy: every commit waits`,
    missing,
    nextStep: `start ${missing.join(" or ")}, or repair the connection to ${turn.self}`,
  };
}
