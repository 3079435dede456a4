/** The same question asked again and again: whoever is blocked asks after every event, and seldom does anything change. */
import type { NodeId } from "../ruleset/ruleset.js";
import { sameItems } from "../same_items.js";
import type { NodeConfig } from "../state.js";
import type { Answer, Decision, FailedCatchUp } from "./decide.js";
import { decide } from "./decide.js";

/** A question, all of it, and its answer. */
interface Asked {
  readonly answers: readonly Answer[];
  /** Those who answered in the order in which they are preferred. */
  readonly order: readonly NodeId[];
  /** Those of them who may lead by an operator's wish. */
  readonly fitting: readonly NodeId[];
  readonly failed: readonly FailedCatchUp[];
  readonly decision: Decision;
}

/** Of each sidecar the last one. */
const lastAsked = new WeakMap<NodeConfig, Asked>();

/**
 * `decide`, which is pure, without deciding again what was asked last: the very same object then, so that those who look for
 * changes see none. It halves the time of a step of whoever is blocked.
 */
export function decideAgain(
  config: NodeConfig,
  answers: readonly Answer[],
  prefer: (a: NodeId, b: NodeId) => number,
  failed: readonly FailedCatchUp[] = [],
  fits: (id: NodeId) => boolean = anybody,
): Decision {
  const order = answers.map((a) => a.id).sort(prefer);
  const fitting = fits === anybody ? order : order.filter(fits);
  const last = lastAsked.get(config);
  if (
    last !== undefined &&
    sameItems(last.order, order) &&
    sameItems(last.fitting, fitting) &&
    sameItems(last.failed, failed) &&
    last.answers.every((a, i) => sameAnswer(a, answers[i]))
  )
    return last.decision;
  const decision = decide(answers, config.initial, prefer, failed, fits);
  lastAsked.set(config, { answers, order, fitting, failed, decision });
  return decision;
}

function anybody(): boolean {
  return true;
}

function sameAnswer(a: Answer, b: Answer | undefined): boolean {
  return (
    b !== undefined &&
    a.id === b.id &&
    a.incarnation === b.incarnation &&
    a.position.timeline === b.position.timeline &&
    a.position.lsn === b.position.lsn &&
    a.rulesets === b.rulesets &&
    a.voter === b.voter &&
    a.systemIdentifier === b.systemIdentifier &&
    a.initial === b.initial
  );
}
