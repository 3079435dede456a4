import { connect } from "node:net";
import { HOST } from "../../../src/demo/plan.js";

const DEADLINE_MS = 3000;

export interface Probe {
  /** 0 when nobody answered. */
  readonly code: number;
  readonly startedMs: number;
  readonly endedMs: number;
}

/** A check as HAProxy's `option httpchk METHOD /path` makes it: one connection, HTTP/1.0, no header, the status line counts. */
export async function probe(port: number, line: string): Promise<Probe> {
  const startedMs = performance.now();
  const text = await new Promise<string>((resolve) => {
    const socket = connect({ host: HOST, port });
    let heard = "";
    socket.setTimeout(DEADLINE_MS, () => socket.destroy());
    socket.on("data", (chunk) => {
      heard += chunk.toString("latin1");
    });
    socket.on("error", () => undefined);
    socket.once("close", () => resolve(heard));
    socket.write(`${line} HTTP/1.0\r\n\r\n`);
  });
  const code = Number(/^HTTP\/1\.\d (\d{3}) /.exec(text)?.[1] ?? 0);
  return { code, startedMs, endedMs: performance.now() };
}

/**
 * Asks each node again and again which endpoints are 200, and holds against it what must never be: once a node has said
 * that it takes writes, no question asked of another one afterwards is answered so, until that one leads again.
 */
export class Prober {
  readonly violations: string[] = [];
  /** Nodes that were seen to take writes, in this order. */
  readonly primaries: { readonly id: string; readonly endedMs: number }[] = [];
  private readonly ports: ReadonlyMap<string, number>;
  private readonly latest = new Map<string, number>();
  private stopped = false;
  private readonly running: Promise<unknown>;

  constructor(ports: ReadonlyMap<string, number>) {
    this.ports = ports;
    this.running = Promise.all([...ports].map(([id, port]) => this.watch(id, port)));
  }

  /** Nodes whose last answer was 200. */
  saying(path: "/primary" | "/replica"): readonly string[] {
    return [...this.ports.keys()].filter((id) => this.latest.get(`${id} ${path}`) === 200).sort();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.running;
  }

  private async watch(id: string, port: number): Promise<void> {
    while (!this.stopped) {
      for (const path of ["/primary", "/replica"]) {
        const found = await probe(port, `OPTIONS ${path}`);
        this.latest.set(`${id} ${path}`, found.code);
        if (path === "/primary" && found.code === 200) this.sawPrimary(id, found);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  private sawPrimary(id: string, { startedMs, endedMs }: Probe): void {
    const last = this.primaries.at(-1);
    if (last?.id === id) return;
    // One that led before may have answered before its successor did, and be heard later.
    const before = this.primaries.find((earlier) => earlier.id === id);
    if (before !== undefined && last !== undefined && startedMs > last.endedMs)
      this.violations.push(
        `${id} took writes ${Math.round(startedMs - last.endedMs)} ms after ${last.id} had said that it does`,
      );
    if (before === undefined) this.primaries.push({ id, endedMs });
  }
}
