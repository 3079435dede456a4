import type pg from "pg";
import { CONNECT_PATIENTLY_MS, connect, hangUp } from "./client.js";
import { HOST, type NodePlan } from "./plan.js";
import { DemoFailed, until } from "./waiting.js";

/** What one node has in its table, every row in the order of the heap. */
export interface NodeRows {
  readonly id: string;
  readonly rows: readonly number[];
}

const REPLAY_MS = 30_000;
const EVERY_MS = 20;

export async function createTable(leader: NodePlan): Promise<void> {
  await withClient(leader, (client) => client.query("create table public.demo_ledger (n bigint primary key)"));
}

/** Reads every node by plain SQL, once each has replayed up to the leader's end. */
export async function readAllNodes(
  nodes: readonly NodePlan[],
  leaderId: string,
  signal: AbortSignal,
): Promise<readonly NodeRows[]> {
  const leader = nodes.find(({ id }) => id === leaderId);
  if (leader === undefined) throw new DemoFailed(`${leaderId} leads, which is no node of this demo`);
  const end = await withClient(leader, async (client) => {
    const { rows } = await client.query<{ lsn: string }>("select pg_current_wal_flush_lsn()::text as lsn");
    return rows[0]?.lsn ?? "0/0";
  });
  const read: NodeRows[] = [];
  for (const node of nodes) read.push(await withClient(node, (client) => readNode(client, node, end, signal)));
  return read;
}

async function readNode(client: pg.Client, { id }: NodePlan, end: string, signal: AbortSignal): Promise<NodeRows> {
  const behind = `select not pg_is_in_recovery() or (pg_last_wal_replay_lsn() >= $1::pg_lsn
    and exists (select from pg_stat_wal_receiver where status = 'streaming')) as reached`;
  await until(
    async () => ((await client.query<{ reached: boolean }>(behind, [end])).rows[0]?.reached === true ? true : null),
    {
      what: `${id} to stream and to replay up to the leader's end at ${end}`,
      deadlineMs: REPLAY_MS,
      everyMs: EVERY_MS,
      signal,
    },
  );
  // The heap itself: a broken index must neither hide a row nor a second one of the same number.
  await client.query("set enable_indexonlyscan = off; set enable_indexscan = off; set enable_bitmapscan = off");
  const { rows } = await client.query<{ n: string }>("select n from public.demo_ledger");
  return { id, rows: rows.map(({ n }) => Number(n)) };
}

async function withClient<T>(node: NodePlan, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = await connect({ host: HOST, port: node.pgPort }, CONNECT_PATIENTLY_MS).catch((error: Error) => {
    throw new DemoFailed(`no client gets into ${node.id} on port ${node.pgPort}: ${error.message}`);
  });
  try {
    return await work(client);
  } finally {
    hangUp(client);
  }
}
