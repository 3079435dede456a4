import { deadlineAfter, poll } from "./polling.js";
import { oneRow } from "./sql/one_row.js";
import type { SqlRunner } from "./sql/runner.js";
import { SEGMENT_SWITCH, type SegmentSwitchRow } from "./sql/segment_switch.js";
import { SEGMENT_USED, type SegmentUsedRow } from "./sql/segment_used.js";
import { WALSENDERS_BEFORE, type WalsenderBeforeRow } from "./sql/walsenders_before.js";

const POLL_MS = 5;
/** Below this, the empty rest that followers receive now is more than what they would receive again later. */
const USED_MIN = 0.5;

/**
 * Begins another segment on a leader that serves yet, and waits until its followers have it. Each follower of the next leader
 * receives the segment of the switch again from its start, and the first commits wait for that (POSTGRES.md trap 2).
 * A follower that is slow is not waited for longer than `deadlineMs`: nothing depends on it.
 */
export async function beginSegment(session: SqlRunner, deadlineMs: number): Promise<void> {
  const { used } = await oneRow<SegmentUsedRow>(session, SEGMENT_USED);
  if (used < USED_MIN) return;
  const { begins } = await oneRow<SegmentSwitchRow>(session, SEGMENT_SWITCH);
  await poll(deadlineAfter(deadlineMs), POLL_MS, async () => {
    const before = await session.query<WalsenderBeforeRow>(WALSENDERS_BEFORE, [begins]);
    return before.length === 0 ? true : undefined;
  });
}
