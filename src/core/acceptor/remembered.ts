import { PROMISES_KEPT } from "../limits.js";
import type { PromiseMade } from "../messages.js";

/** The promises that a node can name, oldest first, with one more. */
export function withPromise(promises: readonly PromiseMade[], made: PromiseMade): readonly PromiseMade[] {
  const all = [...promises.filter((p) => !same(p, made)), made];
  return all.sort((a, b) => (a.term < b.term ? -1 : a.term > b.term ? 1 : 0)).slice(-PROMISES_KEPT);
}

/**
 * Whether a node that names these promises has forgotten one that it was seen with, of a term not above those it has given
 * since. Of what is older than all that it names nothing can be said.
 */
export function hasForgotten(promises: readonly PromiseMade[], seen: PromiseMade): boolean {
  const [oldest] = promises;
  return oldest !== undefined && seen.term >= oldest.term && !promises.some((p) => same(p, seen));
}

/** In a life of a sidecar a term is promised once. Given again in another life, it was forgotten. */
function same(a: PromiseMade, b: PromiseMade): boolean {
  return a.term === b.term && a.boot === b.boot;
}
