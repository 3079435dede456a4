import { setTimeout as delay } from "node:timers/promises";
import type { z } from "zod";
import type { statusShape } from "../../src/cli/schemas.js";
import { connect, hangUp } from "../../src/demo/client.js";
import type { Engine, Host } from "./engine.js";
import { block, commands } from "./page.js";

type Status = z.output<typeof statusShape>;

const CLI = "node /opt/quorate/dist/main.js";
const REPOSITORY = "/srv/quorate.bundle";
const HEALTHY_MS = 120_000;
const CONNECT_MS = 5_000;
export const PORT = 5432;

/** Three hosts, installed as deploy/README.md says, and the machine of whoever does it. */
export class HostCluster {
  readonly nodes = new Map<string, Host>();

  private constructor(
    private readonly engine: Engine,
    private readonly admin: Host,
  ) {}

  static async install(engine: Engine, ids: readonly string[]): Promise<HostCluster> {
    const admin = await engine.boot("admin", `${engine.prefix}.9`);
    const cluster = new HostCluster(engine, admin);
    await admin.run(
      commands("deploy/README.md", "Install")
        .filter((line) => line.startsWith("git clone"))
        .join("\n")
        .replace("REPOSITORY", REPOSITORY),
    );
    await admin.write(
      "/root/quorate.yaml",
      block("README.md", "Three real hosts", "yaml").replaceAll("10.0.0.", `${engine.prefix}.`),
    );
    await admin.run(
      "cd /opt/quorate && npx quorate tls init -c /root/quorate.yaml && cp -r /root/quorate-tls/admin /root/tls",
    );
    for (const id of ids) await cluster.add(id);
    return cluster;
  }

  /** The lines of the page, but for those that need this machine's own means: copies instead of scp, one `npm ci` for all. */
  async add(id: string): Promise<void> {
    const host = await this.engine.boot(id, this.addressOf(id));
    this.nodes.set(id, host);
    await host.copyFrom(this.admin, "/opt", "quorate");
    const lines = commands("deploy/README.md", "Install").flatMap((line) => {
      if (line.startsWith("git clone")) return ["cd /opt/quorate"];
      return line.startsWith("scp ") ? [] : [line.replace("QUORATE_NODE=n1", `QUORATE_NODE=${id}`)];
    });
    const places = lines.findIndex((line) => line.includes("/etc/quorate/tls"));
    await host.run(["set -e", ...lines.slice(0, places + 1)].join("\n"));
    await this.copyConfiguration(id);
    await host.copyFrom(this.admin, `/root/quorate-tls/nodes/${id}`, ".", "/etc/quorate/tls");
    await host.run(["set -e", "cd /opt/quorate", ...lines.slice(places + 1)].join("\n"));
  }

  async copyConfiguration(id: string): Promise<void> {
    await this.host(id).copyFrom(this.admin, "/root", "quorate.yaml", "/etc/quorate");
  }

  /** A host that the file does not name yet, as "Nodes come and go" says. */
  async join(id: string): Promise<void> {
    await this.admin.run(`sed -i 's/^policy:/  ${id}: { host: ${this.addressOf(id)} }\\n&/' /root/quorate.yaml`);
    await this.admin.run(`cd /opt/quorate && npx quorate tls init -c /root/quorate.yaml --node ${id}`);
    await this.add(id);
    await this.command(`join ${id}`);
  }

  host(id: string): Host {
    const host = this.nodes.get(id);
    if (host === undefined) throw new Error(`${id} is no host of this test`);
    return host;
  }

  addressOf(id: string): string {
    return `${this.engine.prefix}.${Number(id.slice(1))}`;
  }

  /** A command of quorate's on the machine of whoever does it. @throws unless it ends with 0. */
  async command(line: string): Promise<string> {
    const { code, out } = await this.admin.ask(`${CLI} ${line} -c /root/quorate.yaml`);
    if (code !== 0) throw new Error(`quorate ${line} ended with ${code}: ${out}`);
    return out;
  }

  async status(): Promise<Status> {
    const held = "/tmp/status.stderr";
    const text = await this.admin.run(`${CLI} status -o json -c /root/quorate.yaml 2>${held} || true`);
    // A machine that is off, or frozen, answers no dial: a command waits for its answer and for nothing else.
    const complaint = await this.admin.run(`grep "did not end by itself" ${held} || true`);
    if (complaint !== "") throw new Error(`status: ${complaint}`);
    return JSON.parse(text) as Status;
  }

  /** Until `status` ends with 0, and the given question is answered as well. */
  async healthy(what = "a healthy cluster", also: (status: Status) => boolean = () => true): Promise<Status> {
    return this.until(
      what,
      (status) => status.established && status.blocked === null && status.nodes.every(serves) && also(status),
    );
  }

  async until(what: string, holds: (status: Status) => boolean): Promise<Status> {
    const deadline = performance.now() + HEALTHY_MS;
    for (;;) {
      const status = await this.status();
      if (holds(status)) return status;
      if (performance.now() > deadline) {
        const said = await this.admin.ask(`${CLI} status -c /root/quorate.yaml`);
        throw new Error(`waited ${HEALTHY_MS / 1000} s in vain for ${what}:\n${said.out}`);
      }
      await delay(200);
    }
  }

  /** As the README's page "Clients" says. */
  async password(id: string): Promise<string> {
    const text = await this.host(id).run(
      `node -p 'require("/var/lib/quorate/shop/${id}/state/credentials.json").superuserPassword'`,
    );
    return text.trim();
  }

  /** Every row of one node; null while it cannot be asked. */
  async rowsOf(id: string): Promise<readonly number[] | null> {
    const client = await connect({ host: this.addressOf(id), port: PORT }, CONNECT_MS).catch(() => null);
    if (client === null) return null;
    try {
      const { rows } = await client.query<{ n: string }>("select n from public.demo_ledger");
      return rows.map(({ n }) => Number(n));
    } finally {
      hangUp(client);
    }
  }

  /** What its journal says; for whoever has to find out why. */
  async journals(): Promise<string> {
    const read = async ([id, host]: readonly [string, Host]) =>
      `--- ${id}\n${await host.run("journalctl -u quorate -o cat --no-pager -n 40").catch(String)}`;
    return (await Promise.all([...this.nodes].map(read))).join("\n");
  }
}

const serves = ({ role, reachable, postgres }: Status["nodes"][number]): boolean =>
  reachable && postgres === "running" && (role === "leader" || role === "follower");
