import type { Lsn } from "../../src/core/log/lsn.js";
import type { Machine } from "./machine.js";
import type { PostgresTable } from "./postgres_table.js";
import type { World } from "./world.js";

/** A client's commit: it waits at the leader until the names in force have it. */
export function writeAt(world: World, { id, postgres }: Machine, write: string, bytes?: string): void {
  if (postgres.primary === null || postgres.door === "shut") return world.say(`${id} refuses ${write}`);
  const lsn = postgres.append(postgres.primary, { write, ...(bytes === undefined ? {} : { bytes: BigInt(bytes) }) });
  world.unacknowledged.set(write, { leader: id, term: postgres.primary, lsn });
  world.say(`${id} writes ${write} at ${postgres.primary}:${lsn}`);
}

/** What Postgres itself does: a commit returns once enough connections under the names in force have it, whosoever they are. */
export function releaseCommits(world: World, leader: PostgresTable): void {
  const listed = [...leader.names.matchAll(/"([^"]+)"/g)].map((m) => m[1]);
  const { senders } = leader.observation();
  for (const [write, waits] of world.unacknowledged) {
    // A client that waited in an earlier term was cut off with it.
    if (waits.leader !== leader.id || waits.term !== leader.primary) continue;
    const holding = listed.flatMap((name) =>
      senders.filter((s) => s.name === name && s.streaming && s.flushLsn >= waits.lsn),
    );
    if (holding.length < Number(/^ANY (\d+)/.exec(leader.names)?.[1])) continue;
    world.unacknowledged.delete(write);
    world.acknowledged.set(write, waits.lsn);
    world.say(
      `${leader.id} acknowledges ${write} to its client (${holding.map((s) => s.name.split("@")[0]).join(", ")})`,
    );
  }
}

/** A status update that its follower sent before it stopped arrives at the leader now (hole H10). */
export function deliverAck(world: World, link: string): void {
  const [from = "", to = ""] = link.split("->");
  const lsn: Lsn | undefined = world.acksInFlight.get(link);
  if (lsn === undefined) throw new Error(`nothing is in flight on ${link}`);
  world.acksInFlight.delete(link);
  const leader = world.machine(to).postgres;
  if (leader.primary === null) return world.say(`${to} leads no more: the acknowledgement of ${from} is nobody's`);
  world.say(`${to} receives the acknowledgement of ${from} up to ${lsn}`);
  leader.senders.set(from, lsn);
  releaseCommits(world, leader);
}
