import type { FoundPostgres } from "../../src/core/keeper/adoption.js";
import type { Machine } from "./machine.js";
import { historyOf, lsnOf, rulesetsOf } from "./wal.js";

/**
 * What the adapter of a starting sidecar can tell of the Postgres that runs: nothing of one that does not answer, and of a
 * standby only while it streams. What the sidecar before was inserting is waited for (the table is locked to be read).
 */
export function foundOn(machine: Machine): FoundPostgres | null {
  const { postgres, fuse, world } = machine;
  const { flushed, system, door, epoch: postmasterPid } = postgres;
  if (!postgres.running || flushed === null || system === null || postgres.pausedUntilUs > world.nowUs) return null;
  const common = { postmasterPid, systemIdentifier: system, door };
  if (postgres.primary !== null) {
    const tip = postgres.pending ?? flushed;
    const senders = postgres.replication.seen();
    const as = { kind: "primary", names: postgres.names.text, senders, left: fuse.take() } as const;
    return { ...common, history: historyOf(flushed), flushLsn: BigInt(lsnOf(tip)), rulesets: rulesetsOf(tip), as };
  }
  const streams = postgres.replication.followed();
  if (streams === null) return null;
  const rulesets = rulesetsOf(postgres.replayed);
  const as = { kind: "standby", ...streams } as const;
  return { ...common, history: historyOf(flushed), flushLsn: BigInt(lsnOf(flushed)), rulesets, as };
}
