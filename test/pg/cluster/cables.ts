import { writeFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { configText, HOST } from "../../../src/demo/plan.js";
import type { TestCluster } from "./cluster.js";

interface Pair {
  readonly near: Socket;
  readonly far: Socket;
}

/** What one node dials to reach one port of another. Cut, it swallows everything and says nothing, as a dead network does. */
class Cable {
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  #cut = false;

  private constructor(
    readonly ends: readonly [string, string],
    to: number,
  ) {
    // A connection that is half closed stays so: neither end hears anything while the cable is cut.
    this.#server = createServer({ allowHalfOpen: true }, (near) => this.#join(near, to));
  }

  static async lay(ends: readonly [string, string], to: number): Promise<Cable> {
    const cable = new Cable(ends, to);
    await new Promise<void>((resolve) => cable.#server.listen(0, HOST, resolve));
    return cable;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  set cut(cut: boolean) {
    this.#cut = cut;
    for (const pair of this.#pairs) this.#flow(pair);
  }

  async close(): Promise<void> {
    for (const { near, far } of this.#pairs) for (const socket of [near, far]) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #join(near: Socket, to: number): void {
    const far = connect({ host: HOST, port: to, allowHalfOpen: true });
    const pair: Pair = { near, far };
    this.#pairs.add(pair);
    for (const [from, other] of [
      [near, far],
      [far, near],
    ] as const) {
      from.setNoDelay(true);
      from.on("data", (bytes) => other.write(bytes));
      from.on("end", () => other.end());
      // An end that breaks is told as a close: a socket without a listener would end this process.
      from.on("error", () => other.destroy());
      from.on("close", () => this.#pairs.delete(pair));
    }
    this.#flow(pair);
  }

  #flow({ near, far }: Pair): void {
    for (const socket of [near, far]) {
      if (this.#cut) socket.pause();
      else socket.resume();
    }
  }
}

/** All that the sidecars and the Postgres of a cluster say to one another passes here; clients and commands go past it. */
export class Cables {
  readonly #cables: readonly Cable[];

  private constructor(cables: readonly Cable[]) {
    this.#cables = cables;
  }

  /** To be laid before the first start: each node gets a configuration of its own, in which the others are these cables. */
  static async lay(cluster: TestCluster): Promise<Cables> {
    const { plan, home } = cluster;
    const cables: Cable[] = [];
    for (const self of plan.nodes) {
      const nodes = [];
      for (const node of plan.nodes) {
        if (node.id === self.id) {
          nodes.push(node);
          continue;
        }
        const port = await Cable.lay([self.id, node.id], node.port);
        const pgPort = await Cable.lay([self.id, node.id], node.pgPort);
        cables.push(port, pgPort);
        nodes.push({ ...node, port: port.port, pgPort: pgPort.port });
      }
      const file = join(home.dir, `as-${self.id}-sees-it.yaml`);
      await writeFile(file, configText({ ...plan, nodes }));
      cluster.configs.set(self.id, file);
    }
    return new Cables(cables);
  }

  /** No word between this node and the others, in either direction. */
  isolate(id: string): void {
    for (const cable of this.#cables) if (cable.ends.includes(id)) cable.cut = true;
  }

  mend(): void {
    for (const cable of this.#cables) cable.cut = false;
  }

  async close(): Promise<void> {
    await Promise.all(this.#cables.map((cable) => cable.close()));
  }
}
