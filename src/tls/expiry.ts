const DAY_MS = 86_400_000;
/** Time enough to renew in working hours. */
export const EXPIRY_WARNING_MS = 30 * DAY_MS;

/** What to say of the end of a certificate, as the end of a sentence; null while that is far away. */
export function expirySoon(notAfterMs: number, nowMs: number): string | null {
  const leftMs = notAfterMs - nowMs;
  if (leftMs >= EXPIRY_WARNING_MS) return null;
  const day = new Date(notAfterMs).toISOString().slice(0, 10);
  if (leftMs <= 0) return `expired on ${day}`;
  const days = Math.floor(leftMs / DAY_MS);
  return `expires ${days === 0 ? "within a day" : `in ${days} ${days === 1 ? "day" : "days"}`} (${day})`;
}
