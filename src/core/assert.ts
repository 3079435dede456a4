/** A broken invariant. The shell fences first and then ends the sidecar: liveness is lost, truth never. */
export class InvariantBroken extends Error {
  override readonly name = "InvariantBroken";
}

/** Holds in production too: a condition that can only be false if the program itself is wrong. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantBroken(message);
}

/** Makes a switch over a union exhaustive: a new member does not compile until it is handled. */
export function unreachable(value: never): never {
  throw new InvariantBroken(`unreachable: ${String(value)}`);
}
