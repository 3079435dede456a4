import { Nodes } from "./nodes.js";
import type { Scenario } from "./scenario.js";
import { start } from "./scenario.js";
import type { World } from "./world.js";
import { keyOf, Successors } from "./world.js";

export interface Found {
  readonly scenario: string;
  readonly states: number;
  readonly transitions: number;
  /** Different states of single nodes, and how often the core was asked. */
  readonly nodes: number;
  readonly steps: number;
  readonly depth: number;
  /** Whether every reachable state was visited. */
  readonly complete: boolean;
  readonly violation: { readonly what: string; readonly trace: readonly string[] } | null;
  /** Kinds of facts that were reached, so that a search that sees nothing is noticed. */
  readonly reached: readonly string[];
}

export interface Bounds {
  readonly statesMax: number;
  /** A moment of `now`, in ms. */
  readonly until: number;
  readonly now: () => number;
  readonly progress: (line: string) => void;
}

const PROGRESS_EVERY = 100_000;

/** Breadth first, so that the first violation has a shortest trace. */
export function search(scenario: Scenario, bounds: Bounds): Found {
  const nodes = new Nodes();
  const successors = new Successors(nodes, scenario);
  const first = start(nodes, scenario);
  const seen = new Set([keyOf(first)]);
  const frontier: World[] = [first];
  const parents: number[] = [-1];
  const actions: string[] = ["start"];
  const depths: number[] = [0];
  let transitions = 0;
  let at = 0;
  const found = (complete: boolean, violation: Found["violation"]): Found => ({
    scenario: scenario.name,
    states: seen.size,
    transitions,
    nodes: nodes.all.length,
    steps: nodes.steps,
    depth: depths[Math.max(0, at - 1)] ?? 0,
    complete,
    violation,
    reached: successors.judge.reached(),
  });
  for (; at < frontier.length; at++) {
    if (seen.size >= bounds.statesMax || ((at & 255) === 0 && bounds.now() > bounds.until)) return found(false, null);
    const world = frontier[at] as World;
    // It is not needed again: only its way here is.
    frontier[at] = first;
    for (const { world: next, action, violation } of successors.of(world)) {
      transitions++;
      if (violation !== null)
        return found(false, { what: violation, trace: [...traceTo(at, parents, actions), action] });
      const key = keyOf(next);
      if (seen.has(key)) continue;
      seen.add(key);
      frontier.push(next);
      parents.push(at);
      actions.push(action);
      depths.push((depths[at] ?? 0) + 1);
      if (seen.size % PROGRESS_EVERY === 0)
        bounds.progress(
          `${scenario.name}: ${seen.size} states, depth ${depths[at]}, ${frontier.length - at} to go, ${nodes.all.length} node states`,
        );
    }
  }
  return found(true, null);
}

function traceTo(at: number, parents: readonly number[], actions: readonly string[]): string[] {
  const trace: string[] = [];
  for (let i = at; i > 0; i = parents[i] ?? -1) trace.push(actions[i] ?? "");
  return trace.reverse();
}
