import { z } from "zod";
import type { Ruleset } from "../core/ruleset/ruleset.js";

const POLICY = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("majority") }).strict(),
  z.object({ kind: z.literal("at_least"), copies: z.number().int().positive() }).strict(),
]);

const MEMBER = z
  .object({
    id: z.string().min(1),
    incarnation: z.string().min(1),
    labels: z.record(z.string(), z.string()),
    eligible: z.boolean(),
  })
  .strict();

const RULESET = z.object({ policy: POLICY, cohort: z.array(MEMBER).min(1) }).strict();

/** @throws if it is one that `parseRuleset` would refuse: what no node could read is not written. */
export function formatRuleset(ruleset: Ruleset): string {
  RULESET.parse(ruleset);
  return JSON.stringify(ruleset);
}

/** Strict: a rule that this version does not know must not be judged by the half of it that it does know. */
export function parseRuleset(text: string): { readonly ruleset: Ruleset } | { readonly fault: string } {
  const parsed = RULESET.safeParse(JSON.parse(text));
  return parsed.success ? { ruleset: parsed.data } : { fault: z.prettifyError(parsed.error) };
}
