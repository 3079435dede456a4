/**
 * `npm run -s test:hosts`: three hosts (containers with systemd, each with an address and a Postgres of its own) are
 * installed by the very commands of deploy/README.md, and then everything is done to them that the README promises to outlast,
 * while clients write. Needs root and a Docker engine on this machine with an image debian:bookworm-slim; what is
 * committed is what is tested. Installing alone took three to five minutes on a busy machine. Exit code 0 only if nothing acknowledged was lost on any host.
 */
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { connect, hangUp } from "../../src/demo/client.js";
import { Ledger } from "../../src/demo/ledger.js";
import type { Verdict } from "../../src/demo/verdict.js";
import { isClean, judge } from "../../src/demo/verdict.js";
import { until } from "../../src/demo/waiting.js";
import { CLIENTS, Writer } from "../../src/demo/writer.js";
import { HostCluster, PORT } from "./cluster.js";
import { docker, Engine } from "./engine.js";
import { SCENES } from "./scenes.js";

const IMAGE = "quorate-test-host";
const PREFIX = process.env.QUORATE_TEST_HOSTS_NET ?? "10.213.7";
const IDS = ["n1", "n2", "n3"];
const ALL_IDS = [...IDS, "n4"];
const WRITES_MS = 60_000;
const CAUGHT_UP_MS = 60_000;
const AUTHORITIES = "/usr/local/share/ca-certificates";

const startedAt = performance.now();
const say = (text: string): void =>
  void process.stdout.write(`${((performance.now() - startedAt) / 1000).toFixed(1).padStart(7)} s  ${text}\n`);

/** Everything that the image takes from this machine. */
function buildContext(folder: string): void {
  mkdirSync(join(folder, "node", "bin"), { recursive: true });
  mkdirSync(join(folder, "node", "lib", "node_modules"), { recursive: true });
  mkdirSync(join(folder, "ca"));
  cpSync(process.execPath, join(folder, "node", "bin", "node"));
  const npm = execFileSync("npm", ["root", "--global"], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  }).trim();
  cpSync(join(npm, "npm"), join(folder, "node", "lib", "node_modules", "npm"), { recursive: true });
  for (const name of ["npm", "npx"])
    symlinkSync(`../lib/node_modules/npm/bin/${name}-cli.js`, join(folder, "node", "bin", name));
  for (const name of existsSync(AUTHORITIES) ? readdirSync(AUTHORITIES) : [])
    cpSync(join(AUTHORITIES, name), join(folder, "ca", name), { recursive: true });
  execFileSync("git", ["bundle", "create", join(folder, "quorate.bundle"), "HEAD"], { stdio: "ignore" });
}

async function build(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "quorate-test-hosts-"));
  try {
    buildContext(folder);
    await docker("build", "--quiet", "--tag", IMAGE, "--file", join(import.meta.dirname, "Dockerfile"), folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function writesGo(ledger: Ledger): Promise<void> {
  const { acked } = ledger.counts();
  await until(() => (ledger.counts().acked > acked + CLIENTS ? true : null), {
    what: "writes to be acknowledged",
    deadlineMs: WRITES_MS,
    signal: new AbortController().signal,
  });
}

/** Until every node has what was acknowledged; at the deadline the verdict is what it is. */
async function verdict(cluster: HostCluster, ledger: Ledger): Promise<Verdict> {
  const deadline = performance.now() + CAUGHT_UP_MS;
  for (;;) {
    const read = await Promise.all(
      [...cluster.nodes.keys()].map(async (id) => ({ id, rows: await cluster.rowsOf(id) })),
    );
    const nodes = read.map(({ id, rows }) => ({ id, rows: rows ?? [] }));
    const judged = judge(ledger, nodes);
    const same = new Set(nodes.map(({ rows }) => rows.length)).size === 1;
    if ((isClean(judged) && same) || performance.now() > deadline) return judged;
    await delay(500);
  }
}

async function play(engine: Engine, ledger: Ledger): Promise<Verdict> {
  say("three hosts are installed, by the commands of deploy/README.md");
  const cluster = await HostCluster.install(engine, IDS);
  const { leader } = await cluster.healthy();
  say(`founded: ${leader} leads`);
  process.env.PGPASSWORD = await cluster.password("n1");
  const client = await connect({ host: cluster.addressOf(leader ?? "n1"), port: PORT });
  await client.query("create table public.demo_ledger (n bigint primary key)");
  hangUp(client);
  const places = ALL_IDS.map((id) => ({ host: cluster.addressOf(id), port: PORT }));
  const writer = new Writer({ places, ledger, clients: CLIENTS });
  writer.start();
  try {
    for (const scene of SCENES) {
      await writesGo(ledger);
      say(scene.name);
      await scene.act(cluster);
      const { leader: leads, term } = await cluster.healthy();
      await writesGo(ledger);
      say(`  healthy by itself: ${leads} leads term ${term}; ${ledger.counts().acked} rows acknowledged so far`);
    }
  } catch (error) {
    process.stdout.write(`${await cluster.journals()}\n`);
    throw error;
  } finally {
    await writer.stop();
  }
  return verdict(cluster, ledger);
}

await docker("version");
say("an image with Debian, systemd, its Postgres, Node and npm is built");
await build();
const engine = new Engine(`quorate-test-${process.pid}`, PREFIX, IMAGE);
const folder = mkdtempSync(join(tmpdir(), "quorate-test-hosts-"));
const ledger = new Ledger(join(folder, "ledger.jsonl"));
const interrupted = () => void engine.remove().finally(() => process.exit(130));
process.once("SIGINT", interrupted);
process.once("SIGTERM", interrupted);
try {
  await engine.createNetwork();
  const judged = await play(engine, ledger);
  const { acked, refused, unknown } = ledger.counts();
  say(
    `${acked} rows acknowledged, ${judged.lost} lost, ${judged.duplicated} twice, ${judged.phantom} refused and there; refused ${refused}, unknown ${unknown}`,
  );
  say(`rows found: ${judged.nodes.map(({ id, rows }) => `${id} ${rows}`).join(", ")}`);
  process.exitCode = isClean(judged) ? 0 : 1;
} catch (error) {
  process.exitCode = 1;
  say(`FAILED: ${error instanceof Error ? error.message : String(error)}`);
} finally {
  await ledger.close();
  await engine.remove();
  if (process.exitCode === 0) rmSync(folder, { recursive: true, force: true });
  else say(`the ledger is kept: ${folder}`);
}
say(`${process.exitCode === 0 ? "ok" : "FAILED"}; the image ${IMAGE} stays for the next run`);
