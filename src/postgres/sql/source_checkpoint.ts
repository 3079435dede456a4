export type SourceCheckpointRow = { timeline: number; in_recovery: boolean };

/** What pg_rewind looks at in its source (POSTGRES.md trap 8). */
export const SOURCE_CHECKPOINT =
  "select timeline_id as timeline, pg_is_in_recovery() as in_recovery from pg_control_checkpoint()";
