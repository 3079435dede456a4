import { type ShutOptions, shutDoor } from "./doors.js";
import { SYNC_WAITERS, type SyncWaitersRow } from "./sql/sync_waiters.js";

/**
 * Shuts a leader's door: a session whose commit waits for the quorum is told to end only when it has it (told before, it
 * would stop waiting and show its row), and followers stream on. One that begins to wait between the look and the signal
 * shows its row a moment early, to others that are being ended too.
 */
export async function drain(options: Omit<ShutOptions, "leaveBe" | "walsenders">): Promise<void> {
  const leaveBe = async () => {
    const rows = await options.session.query<SyncWaitersRow>(SYNC_WAITERS);
    return new Set(rows.map(({ pid }) => pid));
  };
  await shutDoor({ ...options, leaveBe, walsenders: "keep" });
}
