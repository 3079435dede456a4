import { Frontier, Numbers } from "./frontier.js";
import { Nodes } from "./nodes.js";
import type { Scenario } from "./scenario.js";
import { start } from "./scenario.js";
import { Seen } from "./seen.js";
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
  const seen = new Seen();
  const frontier = new Frontier();
  const origins = new Origins();
  seen.add(keyOf(first));
  frontier.push(first);
  let transitions = 0;
  let depth = 0;
  let levelEnds = 1;
  const found = (complete: boolean, violation: Found["violation"]): Found => ({
    ...{ scenario: scenario.name, states: seen.size, transitions, nodes: nodes.all.length, steps: nodes.steps, depth },
    ...{ complete, violation, reached: successors.judge.reached() },
  });
  for (let at = 0; ; at++) {
    if (seen.size >= bounds.statesMax || ((at & 255) === 0 && bounds.now() > bounds.until)) return found(false, null);
    const world = frontier.shift();
    if (world === undefined) return found(true, null);
    if (at === levelEnds) {
      depth++;
      levelEnds = seen.size;
    }
    const next = successors.of(world);
    for (const [way, { world: to, violation }] of next.entries()) {
      transitions++;
      if (violation !== null)
        return found(false, { what: violation, trace: explain(successors, first, [...origins.wayTo(at), way]) });
      if (!seen.add(keyOf(to))) continue;
      frontier.push(to);
      origins.push(at, way);
      if (seen.size % PROGRESS_EVERY === 0)
        bounds.progress(
          `${scenario.name}: ${seen.size} states, depth ${depth}, ${frontier.length} to go, ${nodes.all.length} node states`,
        );
    }
  }
}

/** Where each state but the first was found: no more than is needed to walk there again. */
class Origins {
  private readonly parents = new Numbers();
  private readonly ways = new Numbers();

  push(parent: number, way: number): void {
    this.parents.push(parent);
    this.ways.push(way);
  }

  wayTo(state: number): number[] {
    const ways: number[] = [];
    for (let at = state; at > 0; at = this.parents.at(at - 1)) ways.push(this.ways.at(at - 1));
    return ways.reverse();
  }
}

/** Takes the same way once more, and says what happens on it. */
function explain(successors: Successors, first: World, ways: readonly number[]): string[] {
  let world = first;
  return ways.map((way) => {
    const step = successors.of(world, true)[way];
    world = step?.world ?? world;
    return step?.action ?? "";
  });
}
