/**
 * Who founds no cluster. Empty nodes cannot know that there ever was one: so an operator tells them (`founded: true`), and
 * whoever has heard an established leader before it held data of its own remembers it, over restarts. One of them is enough,
 * since a cluster is founded by all the nodes of a file (DESIGN 8).
 */
import type { NodeStatus } from "../messages.js";
import type { State } from "../state.js";
import type { Turn } from "../turn.js";
import { FOUNDS_NOTHING, initialRulesetText } from "./ruleset.js";

type Word = Pick<State, "config" | "durable">;

/** What this node would found a cluster with, as it tells the others. */
export function foundingText({ config, durable }: Word): string {
  return foundsNothing({ config, durable }) ? FOUNDS_NOTHING : initialRulesetText(config.initial);
}

/** Data that it held speaks for itself, and has no vote once it is gone: what was seen before is of no use then. */
export function foundsNothing({ config, durable }: Word): boolean {
  return config.initial.founded === true || (durable.sawCluster === true && !durable.held);
}

/** Only a cluster that exists has an established leader, or a ruleset marked decided: a founding that fails has neither. */
export function rememberCluster(turn: Turn, status: NodeStatus): void {
  const { held, sawCluster } = turn.durable;
  if (held || sawCluster === true) return;
  if (!status.established && !status.rulesets.some((record) => record.state === "decided")) return;
  turn.promise({ sawCluster: true });
  turn.note("info", "saw_cluster", `${status.node} shows that the cluster exists: this node will never found one`, {
    peer: status.node,
  });
}
