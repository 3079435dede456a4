import type { CohortOrder } from "../../src/core/leader/ordered_cohort.js";
import type { ChangeRequest, ChangeResult, WantedMember } from "../../src/core/ruleset/wanted.js";
import { policyFrom } from "./craft.js";

/**
 * What an operator asks for: `[majority | at_least K | n1:n2+n3 n4:n5|n6] [{n1 n2! n3=n3-b n4/zone:a}] [wait MS]`. `!` marks a node that may
 * not lead, `+` one that may again, `=` another incarnation, `/` a label. What is not said stays as it is.
 */
export function changeFrom(text: string): ChangeRequest {
  const cohort = /\{([^}]*)\}/.exec(text)?.[1];
  const rest = text
    .replace(/\{[^}]*\}/, " ")
    .trim()
    .split(/\s+/);
  const policy = rest.some((word) => ["majority", "at_least"].includes(word) || /^n\d:/.test(word))
    ? policyFrom(rest)
    : null;
  const wait = rest.indexOf("wait");
  return {
    policy,
    cohort: cohort === undefined ? null : cohort.trim().split(/\s+/).map(memberFrom),
    waitMs: wait < 0 ? 0 : Number(rest[wait + 1]),
    cause: "the script asks",
  };
}

/** `+n4 -n3 [wait MS]`. */
export function cohortFrom(words: readonly string[]): CohortOrder {
  const named = (sign: string) => words.filter((word) => word.startsWith(sign)).map((word) => word.slice(1));
  const wait = words.indexOf("wait");
  const waitMs = wait < 0 ? 0 : Number(words[wait + 1]);
  return { join: named("+"), remove: named("-"), waitMs, cause: "the script asks" };
}

function memberFrom(word: string): WantedMember {
  const [, id = "", bang, incarnation, label] = /^(n\d)([!+])?(?:=([\w-]+))?(?:\/([\w:]+))?$/.exec(word) ?? [];
  const [key = "", value = ""] = label?.split(":") ?? [];
  return {
    id,
    incarnation: incarnation ?? null,
    labels: label === undefined ? null : { [key]: value },
    eligible: bang === undefined ? null : bang === "+",
  };
}

export function changeText(result: ChangeResult): string {
  switch (result.kind) {
    case "done":
      return `done, ruleset (${result.number.term}, ${result.number.subterm})`;
    case "unknown":
      return `unknown: ${result.reason}; next: ${result.nextStep}`;
    case "refused":
    case "voided": {
      const { code, reason, missing, nextStep } = result.refusal;
      const lacks = missing.length === 0 ? "" : ` [${missing.join(" ")}]`;
      return `${result.kind}: ${code}${lacks}, ${reason}; next: ${nextStep}`;
    }
  }
}
