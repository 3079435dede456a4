import { setTimeout as sleep } from "node:timers/promises";
import type { Credentials } from "../agent/ports.js";
import type { Lsn } from "../core/log/lsn.js";
import { maxLsn } from "../core/log/lsn.js";
import type { Position } from "../core/log/position.js";
import { formatPosition } from "../core/log/position.js";
import { conninfo } from "./conninfo.js";
import type { Instance } from "./instance.js";
import { observeStandby } from "./observe.js";
import { deadlineAfter } from "./polling.js";
import { waysOf } from "./ways.js";

export interface CatchUpOptions {
  readonly instance: Instance;
  /** Where the Postgres that stands still at the position listens. */
  readonly place: { readonly host: string; readonly port: number };
  readonly replicationUser: string;
  readonly credentials: Credentials;
  readonly name: string;
  readonly position: Position;
  readonly signal: AbortSignal;
}

const LOOK_EVERY_MS = 20;
/** A source that sends nothing new for so long has removed what is needed, or cannot be reached. */
const STALLED_MS = 5_000;

/**
 * Streams from a standby that stands still until everything up to the position is replayed, or the signal ends it. Whoever
 * calls brings this Postgres to a standstill again. @throws when nothing new arrives.
 *
 * Without a slot: nobody counts what a standby's walreceivers hold, and both ends hold a promise of the same attempt.
 */
export async function catchUp(options: CatchUpOptions): Promise<void> {
  const { instance, place, credentials, position, signal } = options;
  const ways = waysOf(instance);
  await ways.setAutoConf({
    primary_conninfo: conninfo({
      host: place.host,
      port: String(place.port),
      user: options.replicationUser,
      password: credentials.replicationPassword,
      application_name: options.name,
      connect_timeout: "3",
    }),
    primary_slot_name: "",
  });
  await ways.reload();
  let reached: Lsn = 0n;
  let patience = deadlineAfter(STALLED_MS);
  while (!signal.aborted) {
    const { receiveLsn, replayLsn } = await observeStandby(instance.session);
    if (replayLsn !== null && replayLsn >= position.lsn) return;
    const now = maxLsn(receiveLsn ?? 0n, replayLsn ?? 0n);
    if (now > reached) patience = deadlineAfter(STALLED_MS);
    reached = maxLsn(now, reached);
    if (patience.leftMs() <= 0)
      throw new Error(
        `nothing new came within ${STALLED_MS} ms, and ${formatPosition(position)} is not reached: the source has removed the WAL, or cannot be reached`,
      );
    await sleep(LOOK_EVERY_MS);
  }
}
