import { spawn } from "node:child_process";
import { chmod, cp, mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Binaries, type BinariesSource, findBinaries } from "../../src/postgres/binaries.js";
import { initdb } from "../../src/postgres/initdb.js";
import { chooseOsUser, giveTo, type OsUser } from "../../src/postgres/os_user.js";

import { Node, SUPERUSER } from "./replication_node.js";
/**
 * Plain Postgres nodes without a sidecar, so that a trap can be shown with and without our defence.
 * Everything lives in one temporary directory and ends with `destroy`.
 */
export interface Installation {
  readonly title: string;
  readonly source: BinariesSource;
}

const KNOWN: readonly Installation[] = [
  { title: "Postgres of the distribution", source: "distribution" },
  { title: "Postgres from npm", source: "npm" },
];
/** `system` or `npm` alone, as it chooses the one of the clusters; both without it. */
const CHOSEN = { system: "distribution", npm: "npm" }[process.env.QUORATE_TEST_POSTGRES ?? ""];

export const INSTALLATIONS = KNOWN.filter(({ source }) => CHOSEN === undefined || source === CHOSEN);

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  await new Promise<unknown>((done) => server.close(done));
  if (address === null || typeof address === "string") throw new Error("no free port");
  return address.port;
}

export class Cluster {
  readonly nodes: Node[] = [];

  private constructor(
    readonly dir: string,
    readonly binaries: Binaries,
    readonly user: OsUser,
    readonly template: string,
  ) {}

  static async create(installation: Installation): Promise<Cluster> {
    const user = await chooseOsUser({});
    const dir = await mkdtemp(join(tmpdir(), "quorate-test-"));
    await chmod(dir, 0o711);
    const cacheDir = join(dir, "binaries");
    await mkdir(cacheDir);
    const binaries = await findBinaries({ sources: [installation.source], user, cacheDir });
    const template = join(dir, "template");
    await initdb({ binaries, user, dataDir: template, superuser: SUPERUSER, walSegmentSizeMb: 1 });
    return new Cluster(dir, binaries, user, template);
  }

  /** A node with the data of `from` (stopped), or of initdb. */
  async node(id: string, from?: Node): Promise<Node> {
    const home = join(this.dir, id);
    await mkdir(home);
    await giveTo(this.user, home);
    const node = new Node(this, id, home, await freePort());
    this.nodes.push(node);
    await cp(from?.dataDir ?? this.template, node.dataDir, { recursive: true, preserveTimestamps: true });
    await this.giveAll(node.dataDir);
    await node.configure();
    return node;
  }

  /** A node on a clone; the clone is moved to where the node's data belongs. */
  async adopt(id: string, cloneDir: string): Promise<Node> {
    const home = join(this.dir, id);
    await mkdir(home);
    await giveTo(this.user, home);
    const node = new Node(this, id, home, await freePort());
    this.nodes.push(node);
    await rename(cloneDir, node.dataDir);
    await node.configure();
    return node;
  }

  async giveAll(path: string): Promise<void> {
    if (!this.user.drop) return;
    const child = spawn("chown", ["-R", `${this.user.uid}:${this.user.gid}`, path]);
    await new Promise((done) => child.once("close", done));
  }

  /** Ends all nodes and removes their data; the template stays. */
  async reset(): Promise<void> {
    for (const node of this.nodes.splice(0)) {
      await node.kill();
      await rm(node.home, { recursive: true, force: true });
    }
  }

  async destroy(): Promise<void> {
    await this.reset();
    await rm(this.dir, { recursive: true, force: true });
  }
}
