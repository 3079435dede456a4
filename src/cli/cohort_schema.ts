import { z } from "zod";
import { parts } from "./schemas.js";

const { id, count, ms } = parts;

/** `quorate join|remove -o json`: exit code 0 if `ok`, 4 if refused, else 1. Loose as the other shapes are (schemas.ts). */
export const cohortShape = z.looseObject({
  schema: z.enum(["quorate.join/1", "quorate.remove/1"]),
  ok: z.boolean(),
  node: id,
  /** The leader that was asked. */
  asked: id,
  /** Of the ruleset that holds now; null if it was not changed, or that is not known. */
  number: z.tuple([count, count]).nullable(),
  took_ms: ms,
  /** Nothing was written. */
  refusal: z
    .looseObject({ code: z.string(), reason: z.string(), missing: z.array(id), next_step: z.string() })
    .nullable(),
  /** What became of it, if it was written and does not hold, or that is not known. */
  reason: z.string().nullable(),
  /** What is to be written into the files, once it holds. */
  next_step: z.string().nullable().optional(),
});

export type CohortJson = z.infer<typeof cohortShape>;
