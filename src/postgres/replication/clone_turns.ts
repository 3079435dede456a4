import { setTimeout as delay } from "node:timers/promises";
import type { Client } from "pg";
import { hasCode } from "../durable_files.js";

/** Of a slot that somebody holds. */
const SQLSTATE_DUPLICATE_OBJECT = "42710";
/** A clone takes seconds at least; the source forks nothing for the question. */
const ASK_EVERY_MS = 500;

/**
 * Takes one of these temporary slots of the source, or waits until one is free. Postgres itself sees to it that nobody else
 * has the same one, on a standby too and behind a shut door, and gives it back when this connection ends, however it does.
 * The slot also keeps the WAL that a clone needs in the end, since a throttled one outlives many checkpoints; where that is
 * more than may be kept for a slot, Postgres ends the connection, and the clone need not come to its end to fail.
 * https://www.postgresql.org/docs/current/protocol-replication.html
 */
export async function takeTurn(client: Client, turns: readonly string[], waits: () => void): Promise<void> {
  for (let told = false; ; told = true) {
    for (const turn of turns) if (await take(client, turn)) return;
    if (!told) waits();
    await delay(ASK_EVERY_MS);
  }
}

async function take(client: Client, turn: string): Promise<boolean> {
  try {
    await client.query(`CREATE_REPLICATION_SLOT ${turn} TEMPORARY PHYSICAL RESERVE_WAL`);
    return true;
  } catch (error) {
    if (hasCode(error, SQLSTATE_DUPLICATE_OBJECT)) return false;
    throw error;
  }
}
