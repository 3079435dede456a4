import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { expect } from "vitest";
import { CONNECT_PATIENTLY_MS, connect, hangUp } from "../../../src/demo/client.js";
import { Ledger } from "../../../src/demo/ledger.js";
import { HOST } from "../../../src/demo/plan.js";
import { type NodeRows, readAllNodes } from "../../../src/demo/verify.js";
import { wallMs } from "../../../src/demo/waiting.js";
import { Writer } from "../../../src/demo/writer.js";
import { HEAL_MS, type TestCluster } from "./cluster.js";
import { Readers } from "./readers.js";
import { waitFor } from "./waiting.js";

const CLIENTS = 3;

/**
 * Clients that write numbers and clients that read them, and in the end the question whether the history that the
 * nodes have is one that these clients can have seen. Each load has the table for itself.
 */
export class Load {
  readonly readers: Readers;
  readonly #writer: Writer;
  #stopped = false;

  private constructor(
    readonly cluster: TestCluster,
    readonly ledger: Ledger,
  ) {
    const places = cluster.plan.nodes.map(({ pgPort }) => ({ host: HOST, port: pgPort }));
    this.#writer = new Writer({ places, ledger, clients: CLIENTS });
    this.readers = new Readers(() => ledger.get("unknown"));
  }

  /** Running, with a first acknowledgement behind it, on a cluster that is whole. */
  static async start(cluster: TestCluster): Promise<Load> {
    const leader = await cluster.leader();
    await emptyTable(cluster, leader);
    const load = new Load(cluster, new Ledger(join(cluster.home.dir, `ledger-${randomUUID()}.jsonl`)));
    const began = wallMs();
    load.readers.start(cluster.plan.nodes);
    load.#writer.start();
    await load.ackedSince(began);
    return load;
  }

  /** The time of the first acknowledgement of a write that began after `sinceMs`, on a connection opened after it. */
  ackedSince(sinceMs: number): Promise<number> {
    return this.#writer.firstAckSince(sinceMs, AbortSignal.timeout(HEAL_MS));
  }

  /** Writes that began after this call are acknowledged, on whatever connection. */
  async goesOn(): Promise<void> {
    const acked = this.ledger.get("acked");
    // Of each client one may have begun before.
    const wanted = acked.length + CLIENTS + 1;
    await waitFor("writes to be acknowledged", HEAL_MS, () => acked.length >= wanted);
  }

  /** For a test that failed: nobody is to be waited for. */
  async abandon(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    await this.#writer.abort();
    await this.readers.stop();
    await this.ledger.close();
  }

  /** Ends the load on a cluster that must be whole, or become so by itself, and checks what every node has. */
  async settle(): Promise<void> {
    await this.goesOn();
    const { leader } = await this.cluster.healed();
    await this.settleOn(this.cluster.ids, leader);
  }

  /** As `settle`, when some nodes are refused for good. */
  async settleOn(ids: readonly string[], leader: string): Promise<void> {
    this.#stopped = true;
    await this.#writer.stop();
    await this.readers.stop();
    await this.ledger.close();
    const nodes = this.cluster.plan.nodes.filter(({ id }) => ids.includes(id));
    this.check(await readAllNodes(nodes, leader, AbortSignal.timeout(HEAL_MS)));
  }

  /** Every acknowledged row on every node exactly once, no refused one anywhere, nothing that a leader showed is missing. */
  check(nodes: readonly NodeRows[]): void {
    const acked = this.ledger.get("acked");
    const possible = new Set([...acked, ...this.ledger.get("unknown")]);
    expect(acked.length).toBeGreaterThan(0);
    const [first] = nodes;
    const history = new Set(first?.rows);
    for (const { id, rows } of nodes) {
      const found = new Set(rows);
      expect(rows.length - found.size, `rows twice on ${id}`).toBe(0);
      expect(
        acked.filter((n) => !found.has(n)),
        `acknowledged rows that ${id} lacks`,
      ).toEqual([]);
      expect(
        rows.filter((n) => !possible.has(n)),
        `rows on ${id} that were refused or never sent`,
      ).toEqual([]);
      expect(
        rows.filter((n) => !history.has(n)),
        `rows of ${id} that ${first?.id} lacks`,
      ).toEqual([]);
      expect(found.size, `rows of ${id} and of ${first?.id}`).toBe(history.size);
    }
    for (const { id } of nodes) expect(this.readers.reads(id), `reads on ${id}`).toBeGreaterThan(0);
    const shown = [...this.readers.shownByLeaders];
    expect(shown.length, "rows that a leader showed").toBeGreaterThan(0);
    const vanished = shown.filter(([n]) => !history.has(n)).map(([n, ids]) => `${n} on ${[...ids]}`);
    expect(vanished, "rows that a leader showed and that are gone").toEqual([]);
  }
}

async function emptyTable(cluster: TestCluster, leader: string): Promise<void> {
  const client = await connect({ host: HOST, port: cluster.node(leader).pgPort }, CONNECT_PATIENTLY_MS);
  try {
    await client.query("drop table if exists public.demo_ledger");
    await client.query("create table public.demo_ledger (n bigint primary key)");
  } finally {
    hangUp(client);
  }
}
