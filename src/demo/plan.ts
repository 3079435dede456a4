import { join } from "node:path";
import { Document } from "yaml";
import type { DemoHome } from "./home.js";

export type DemoPolicy = "majority" | { readonly at_least: number };

export interface NodePlan {
  readonly id: string;
  readonly pgPort: number;
  readonly port: number;
  readonly httpPort: number;
  readonly dataDir: string;
}

/** What a local cluster is made of: everything that its quorate.yaml says. */
export interface ClusterPlan {
  readonly cluster: string;
  readonly nodes: readonly NodePlan[];
  readonly policy: DemoPolicy;
  /** Postgres settings, the same on every node. */
  readonly settings: Readonly<Record<string, string | number>>;
  /** The silence that makes a suspicion; the default if absent. */
  readonly detect?: string;
  /** What a clone may take of its source a second; the default if absent. */
  readonly maxRate?: string;
  /** Null: the first Postgres that Quorate finds. */
  readonly binDir: string | null;
}

export const HOST = "127.0.0.1";
const PORTS_PER_NODE = 3;

/** Little memory, nothing less durable, and shared memory as files that go away with the directory. */
export const SMALL: Readonly<Record<string, string | number>> = {
  shared_buffers: "32MB",
  max_wal_size: "256MB",
  jit: "off",
  dynamic_shared_memory_type: "mmap",
  autovacuum_naptime: "1h",
};

export function portsNeeded(nodes: number): number {
  return nodes * PORTS_PER_NODE;
}

export function planNodes(home: DemoHome, count: number, ports: readonly number[]): readonly NodePlan[] {
  return Array.from({ length: count }, (_, index) => {
    const [pgPort, port, httpPort] = ports.slice(index * PORTS_PER_NODE, (index + 1) * PORTS_PER_NODE);
    if (pgPort === undefined || port === undefined || httpPort === undefined)
      throw new Error(`${ports.length} ports are too few for ${count} nodes; ask for ${portsNeeded(count)}`);
    const id = `n${index + 1}`;
    return { id, pgPort, port, httpPort, dataDir: join(home.dir, id) };
  });
}

/** The configuration as a person would have written it; data directories are relative to the file. */
export function configText(plan: ClusterPlan): string {
  const nodes = plan.nodes.map(({ id, pgPort, port, httpPort }) => [
    id,
    { host: HOST, port, data_dir: id, postgres: { port: pgPort }, http: { port: httpPort } },
  ]);
  const document = new Document({
    cluster: plan.cluster,
    nodes: Object.fromEntries(nodes),
    policy: plan.policy,
    ...(plan.detect === undefined ? {} : { timings: { detect: plan.detect } }),
    ...(plan.maxRate === undefined ? {} : { rejoin: { max_rate: plan.maxRate } }),
    postgres: {
      ...(plan.binDir === null ? {} : { bin_dir: plan.binDir }),
      settings: plan.settings,
      hba: [`host all all ${HOST}/32 trust`],
    },
  });
  document.commentBefore =
    " Written by `quorate demo`: all nodes on this machine, and clients of loopback are trusted.\n Never do that with data of your own.";
  return document.toString();
}

/** `majority`, `at_least:2` or `at_least=2`, as one writes it on a command line; null if it is none of these. */
export function parsePolicy(text: string): DemoPolicy | null {
  if (text === "majority") return "majority";
  const copies = /^\{?\s*at_least\s*[:=]\s*(\d{1,3})\s*\}?$/.exec(text.trim())?.[1];
  return copies === undefined ? null : { at_least: Number(copies) };
}
