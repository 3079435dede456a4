import { Client, type ClientConfig } from "pg";
import { parseLsn } from "../../core/log/lsn.js";
import type { Identity } from "../revoke.js";

export interface ReplicationTarget {
  /** A name, an address, or a socket directory. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** Null where the hba file lets us in without one. */
  readonly password: string | null;
  readonly applicationName: string;
  readonly connectTimeoutMs: number;
}

/** A client that is not connected yet, in physical replication mode: it understands replication commands only. */
export function replicationClient(target: ReplicationTarget): Client {
  // `pg` passes `replication` on to the startup packet; its type declarations do not know it.
  const config: ClientConfig & { replication: string } = {
    host: target.host,
    port: target.port,
    user: target.user,
    ...(target.password === null ? {} : { password: target.password }),
    application_name: target.applicationName,
    connectionTimeoutMillis: target.connectTimeoutMs,
    replication: "true",
  };
  return new Client(config);
}

type NamesRow = { synchronous_standby_names: string };
type IdentifyRow = { systemid: string; timeline: number; xlogpos: string };

/** A connection that answers IDENTIFY_SYSTEM, each time as things are then. */
export interface Identifier {
  identify(): Promise<Identity>;
  close(): Promise<void>;
}

/** On a standby the timeline is that of the last record replayed. */
export async function openIdentifier(target: ReplicationTarget): Promise<Identifier> {
  const client = replicationClient(target);
  // Without a listener a broken connection would end the whole program; the pending call rejects anyway.
  client.on("error", () => undefined);
  try {
    await client.connect();
  } catch (error) {
    await client.end();
    throw error;
  }
  return { identify: () => identify(client), close: () => client.end() };
}

/** IDENTIFY_SYSTEM on a connection of its own. */
export async function identifySystem(target: ReplicationTarget): Promise<Identity> {
  const identifier = await openIdentifier(target);
  try {
    return await identifier.identify();
  } finally {
    await identifier.close();
  }
}

async function identify(client: Client): Promise<Identity> {
  const { rows } = await client.query<IdentifyRow>("IDENTIFY_SYSTEM");
  const row = rows[0];
  if (row === undefined) throw new Error("IDENTIFY_SYSTEM answered nothing");
  const shown = await client.query<NamesRow>("SHOW synchronous_standby_names");
  const names = shown.rows[0]?.synchronous_standby_names ?? "";
  return {
    systemIdentifier: BigInt(row.systemid),
    timeline: BigInt(row.timeline),
    lsn: parseLsn(row.xlogpos),
    names,
  };
}
