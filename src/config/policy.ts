import type { CountingPolicy } from "../core/ruleset/ruleset.js";
import type { Problem } from "./problems.js";
import { nearestWord } from "./problems.js";
import type { ConfigSource } from "./source.js";

const FORMS = "write `majority` or `{ at_least: N }`";

/** Reads the policy of the first day for a cohort of `nodes`; a problem is at the key that is wrong. */
export function readPolicy(value: unknown, nodes: number, source: ConfigSource): CountingPolicy | Problem {
  if (value === "majority") return { kind: "majority" };
  if (typeof value === "string") {
    const meant = nearestWord(value, ["majority"]);
    const todo = meant === undefined ? FORMS : `did you mean ${meant}?`;
    return source.problem(["policy"], `unknown policy ${JSON.stringify(value)}; ${todo}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return source.problem(["policy"], `${JSON.stringify(value) ?? "nothing"} is not a policy; ${FORMS}`);
  }
  const kinds = Object.keys(value);
  const foreign = kinds.find((kind) => kind !== "at_least");
  if (foreign !== undefined) {
    const meant = nearestWord(foreign, ["at_least"]);
    const todo = meant === undefined ? FORMS : `did you mean ${meant}?`;
    return source.problem(["policy", foreign], `unknown policy ${JSON.stringify(foreign)} in this version; ${todo}`);
  }
  if (!("at_least" in value)) return source.problem(["policy"], `an empty policy; ${FORMS}`);
  return readAtLeast(value.at_least, nodes, source);
}

function readAtLeast(copies: unknown, nodes: number, source: ConfigSource): CountingPolicy | Problem {
  const refuse = (message: string) => source.problem(["policy", "at_least"], message);
  if (typeof copies !== "number" || !Number.isInteger(copies)) {
    return refuse(
      `${JSON.stringify(copies) ?? "nothing"} is not a whole number of copies; write a number from 2 to ${nodes}`,
    );
  }
  if (copies < 1) return refuse(`${copies} copies protect nothing; use 2 or more`);
  if (copies === 1) {
    return refuse("1 copy is the leader's own, and a failover would need the dead leader; use 2 or more");
  }
  if (copies > nodes) {
    return refuse(`${copies} of ${nodes} nodes; lower it to ${nodes} or less, or add nodes`);
  }
  return { kind: "at_least", copies };
}

/** What a policy survives in a cohort of `nodes`, every one of which may lead. */
export interface Tolerance {
  /** Copies that make a commit durable, the leader's included. */
  readonly copies: number;
  /** Followers that may be lost while commits go on. */
  readonly commits_survive: number;
  /** Nodes, the leader among them, that may be lost while another leader can still be found by itself. */
  readonly failover_survives: number;
}

/**
 * A recruitment needs a quorum for the candidate (`copies`), and must leave too few nodes outside
 * for an earlier leader to reach a quorum (`nodes - copies + 1`): the larger of the two must be alive.
 */
export function toleranceOf(policy: CountingPolicy, nodes: number): Tolerance {
  const copies = policy.kind === "majority" ? Math.floor(nodes / 2) + 1 : policy.copies;
  return {
    copies,
    commits_survive: nodes - copies,
    failover_survives: nodes - Math.max(copies, nodes - copies + 1),
  };
}
