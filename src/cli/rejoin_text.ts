import { z } from "zod";

/** What a node that comes back does now, in words: `status`, `watch` and `explain` say the same. */
export interface RejoinShown {
  readonly percent: number | null;
  /** One line for people; null while nothing is copied. */
  readonly line: string | null;
}

const amount = z.number().nonnegative().nullable();

/** As sidecars of this version say it; those of the first version have no `work`. */
export const rejoinShape = z.looseObject({
  method: z.enum(["stream", "rewind", "clone"]),
  percent: z.number().nullable(),
  work: z
    .looseObject({
      source: z.string(),
      attempt: z.number().int().positive(),
      reason: z.string(),
      phase: z.string(),
      bytes: amount,
      total_bytes: amount,
      bytes_per_s: amount,
      left_ms: amount,
    })
    .nullable()
    .optional(),
});

type Work = NonNullable<z.infer<typeof rejoinShape>["work"]>;

export function rejoinShown(rejoin: unknown): RejoinShown {
  const { data } = rejoinShape.safeParse(rejoin);
  if (data === undefined) return { percent: null, line: null };
  const { method, percent, work } = data;
  return { percent, line: work == null || percent === null ? null : lineOf(method, work) };
}

function lineOf(method: "stream" | "rewind" | "clone", work: Work): string {
  const { source, attempt, phase, bytes, total_bytes, bytes_per_s, left_ms } = work;
  const of = total_bytes === null ? "" : ` of ${megabytes(total_bytes)}`;
  const parts = [
    `${method} from ${source}`,
    ...(attempt > 1 ? [`attempt ${attempt}`] : []),
    phase.replaceAll("_", " "),
    ...(bytes === null || bytes === 0 ? [] : [`${megabytes(bytes)}${of}`]),
    ...(bytes_per_s === null ? [] : [`${megabytes(bytes_per_s)}/s`]),
    ...(left_ms === null ? [] : [`${leftText(left_ms)} left`]),
  ];
  return `${parts.join(", ")}: ${work.reason}`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(bytes < 10 * 2 ** 20 ? 1 : 0)} MB`;
}

function leftText(ms: number): string {
  const s = Math.ceil(ms / 1000);
  if (s < 120) return `${s} s`;
  return s < 7200 ? `${Math.round(s / 60)} min` : `${(s / 3600).toFixed(1)} h`;
}
