export type SegmentSwitchRow = { begins: string };

/** Leaves the rest of the segment empty; answers where the next one begins. */
export const SEGMENT_SWITCH = "select pg_switch_wal()::text as begins";
