import { z } from "zod";
import { parts, statusShape } from "./schemas.js";

/* What `watch`, `history` and `explain` print as JSON, under the rules of schemas.ts. */

const { id, lsn, count, ms } = parts;

/** One line of `quorate watch -o json`: the status, and who was silent when it was printed, with the reason. */
export const watchShape = statusShape.extend({
  at: z.iso.datetime(),
  silent: z.array(z.looseObject({ id, reason: z.string() })),
});

/** `quorate history -o json`; oldest first. */
export const historyShape = z.looseObject({
  schema: z.literal("quorate.history/1"),
  cluster: z.string(),
  /** Whose log this is. */
  node: id,
  terms: z.array(
    z.looseObject({
      term: count,
      leader: id,
      /** When the leader wrote its first record, by its clock; and when the next one did. */
      at: z.iso.datetime(),
      ended_at: z.iso.datetime().nullable(),
      /** Where its timeline begins. */
      lsn: lsn.nullable(),
      /** False: the log does not prove it. */
      established: z.boolean(),
      cause: z.string(),
      /** Null, like what follows: the leader did not live to write down how it came into office. */
      founding: z.boolean().nullable(),
      coordinator: id.nullable(),
      recruited: z.array(id).nullable(),
      started_unix_ms: ms.nullable(),
      /** Consecutive parts; what the coordinator could not tell any more is null. */
      phases: z
        .looseObject({ detect_ms: ms.nullable(), recruit_ms: ms.nullable(), promote_ms: ms, establish_ms: ms })
        .nullable(),
      /** Of the rules, under this leader. */
      changes: z.array(
        z.looseObject({
          number: z.tuple([count, count]),
          state: z.enum(["proposed", "decided", "void"]),
          cause: z.string(),
          at: z.iso.datetime(),
        }),
      ),
    }),
  ),
});

/** `quorate explain -o json` */
export const explainShape = z.looseObject({
  schema: z.literal("quorate.explain/1"),
  cluster: z.string(),
  /** As the exit code of `status` says it. */
  state: z.enum(["healthy", "degraded", "no_leader", "unreachable"]),
  leader: id.nullable(),
  term: count.nullable(),
  /** Whether a commit can be acknowledged now. */
  writable: z.boolean(),
  summary: z.string(),
  reasons: z.array(z.string()),
  missing: z.array(id),
  /** Each of these sets would be enough to go on. */
  enough: z.array(z.array(id)),
  next_step: z.string().nullable(),
  /** Who may die next: sets after whose loss writes go on without a pause, and those that take a failover. */
  may_die: z.looseObject({ without_pause: z.array(z.array(id)), with_failover: z.array(z.array(id)) }),
  nodes: z.array(
    z.looseObject({
      id,
      answers: z.boolean(),
      /** What it says of itself; of a silent one, why nothing was heard, and what the others know. */
      says: z.string(),
    }),
  ),
});

export type WatchJson = z.infer<typeof watchShape>;
export type HistoryJson = z.infer<typeof historyShape>;
export type ExplainJson = z.infer<typeof explainShape>;
