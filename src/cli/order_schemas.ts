import { z } from "zod";
import { pendingSetting } from "./schemas.js";

/* The JSON of commands that order something; loose as the other shapes are (schemas.ts). */

const id = z.string().regex(/^[a-z][a-z0-9-]{0,39}$/);
const count = z.number().int().nonnegative();

const refusal = z.looseObject({ code: z.string(), reason: z.string(), missing: z.array(id), next_step: z.string() });

/** `quorate switchover|failover -o json`: exit code 0 if `ok`, 4 with a refusal, else 1. */
export const handoverShape = z.looseObject({
  schema: z.enum(["quorate.switchover/1", "quorate.failover/1"]),
  ok: z.boolean(),
  /** Who led when it was ordered, and who was asked to carry it out. */
  from: id.nullable(),
  asked: id,
  /** Who leads now; null if that is not known. */
  leader: id.nullable(),
  term: count.nullable(),
  took_ms: z.number().nonnegative(),
  /** Nothing was done. */
  refusal: refusal.nullable(),
  /** Why another node leads than was asked for, or nobody. */
  reason: z.string().nullable(),
});

/** `quorate pause|resume -o json` */
export const pauseShape = z.looseObject({
  schema: z.literal("quorate.pause/1"),
  ok: z.boolean(),
  paused: z.boolean(),
  number: count,
  /** Nodes that keep the order, and nodes that have not been reached with it. */
  kept_by: z.array(id),
  missing: z.array(id),
});

/** `quorate restart -o json`: exit code 0 if `ok`, 4 with a refusal, else 1. */
export const restartShape = z.looseObject({
  schema: z.literal("quorate.restart/1"),
  ok: z.boolean(),
  node: id,
  /** Null if that is not known. */
  restarted: z.boolean().nullable(),
  /** It led when it was asked. */
  handed_over: z.boolean(),
  /** Whom it streams from now, or itself; null if nothing was done or that is not known. */
  leader: id.nullable(),
  term: count.nullable(),
  /** What waited for the restart when it was asked for. */
  pending: z.array(pendingSetting).readonly(),
  took_ms: z.number().nonnegative(),
  /** Nothing was done. */
  refusal: refusal.nullable(),
  reason: z.string().nullable(),
});

export type RestartJson = z.infer<typeof restartShape>;
export type HandoverJson = z.infer<typeof handoverShape>;
export type PauseJson = z.infer<typeof pauseShape>;
