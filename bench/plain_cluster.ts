import { execFile, spawn } from "node:child_process";
import { chown, cp, mkdir, open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type pg from "pg";
import { connect, hangUp, type Place } from "../src/demo/client.js";
import { freePorts } from "../src/demo/free_ports.js";
import { until } from "../src/demo/waiting.js";
import { chooseOsUser, giveTo, type OsUser, spawnIdentity } from "../src/postgres/os_user.js";
import type { Bench } from "./bench.js";

/**
 * A primary and its standbys as a careful person sets them up by hand, without any Quorate: `ANY k (…)`, a slot for
 * each standby, and the very settings that Quorate's own Postgres run with.
 */

const run = promisify(execFile);

const START_MS = 30_000;
const INITDB_MS = 60_000;
const HOST = "127.0.0.1";

/** What each of the two clusters has for itself. */
const OWN = new Set([
  "port",
  "listen_addresses",
  "unix_socket_directories",
  "hba_file",
  "config_file",
  "data_directory",
  "synchronous_standby_names",
  "primary_conninfo",
  "primary_slot_name",
  "cluster_name",
]);

export interface PlainOptions {
  readonly bench: Bench;
  /** An open connection to Quorate's leader: the settings are read from it. */
  readonly model: pg.Client;
  readonly standbys: number;
  /** How many of them must have a commit. */
  readonly needed: number;
}

/** Starts it and resolves with the place of the primary once all standbys stream. Ended by `endDemo` of the bench. */
export async function startPlainCluster({ bench, model, standbys, needed }: PlainOptions): Promise<Place> {
  const user = await chooseOsUser({});
  const root = join(bench.home.dir, "plain");
  await mkdir(root, { mode: 0o711 });
  const ports = await freePorts(standbys + 1);
  const names = ports.slice(1).map((_, index) => `s${index + 1}`);
  const settings = await readSettings(model);
  const primary = join(root, "primary");
  await initialise(bench, user, primary, await pageSettings(model));
  for (const name of names) await copyTo(join(root, name), primary, user);
  const start = (dataDir: string, port: number, more: Readonly<Record<string, string>>) =>
    startPostgres(bench, user, dataDir, { ...settings, ...more, port: String(port), listen_addresses: HOST });
  const [primaryPort = 0, ...standbyPorts] = ports;
  const quoted = names.map((name) => `"${name}"`).join(", ");
  await start(primary, primaryPort, { synchronous_standby_names: `ANY ${needed} (${quoted})` });
  const place = { host: HOST, port: primaryPort };
  const client = await until(() => connect(place).catch(() => null), {
    what: "the plain primary to take connections",
    deadlineMs: START_MS,
    signal: bench.signal,
  });
  try {
    for (const [index, name] of names.entries()) {
      await client.query("select pg_create_physical_replication_slot($1, true)", [name]);
      const dataDir = join(root, name);
      await writeFile(join(dataDir, "standby.signal"), "");
      await giveTo(user, join(dataDir, "standby.signal"));
      await start(dataDir, standbyPorts[index] ?? 0, {
        primary_conninfo: `host=${HOST} port=${primaryPort} user=postgres application_name=${name}`,
        primary_slot_name: name,
      });
    }
    await untilStreaming(client, names.length, bench.signal);
  } finally {
    hangUp(client);
  }
  return place;
}

async function untilStreaming(client: pg.Client, wanted: number, signal: AbortSignal): Promise<void> {
  const streaming = "select count(*)::int as n from pg_stat_replication where state = 'streaming'";
  await until(async () => ((await client.query<{ n: number }>(streaming)).rows[0]?.n === wanted ? true : null), {
    what: `${wanted} plain standbys to stream`,
    deadlineMs: START_MS,
    signal,
  });
}

/** All that Quorate gave its Postgres on the command line, as it is in force there. */
async function readSettings(model: pg.Client): Promise<Readonly<Record<string, string>>> {
  const { rows } = await model.query<{ name: string; value: string }>(
    "select name, current_setting(name) as value from pg_settings where source = 'command line'",
  );
  return Object.fromEntries(rows.flatMap(({ name, value }) => (OWN.has(name) ? [] : [[name, value]])));
}

interface PageSettings {
  readonly checksums: boolean;
  readonly segmentMb: number;
}

async function pageSettings(model: pg.Client): Promise<PageSettings> {
  const { rows } = await model.query<{ checksums: string; bytes: string }>(
    "select current_setting('data_checksums') as checksums, setting as bytes from pg_settings where name = 'wal_segment_size'",
  );
  return { checksums: rows[0]?.checksums === "on", segmentMb: Number(rows[0]?.bytes ?? 0) / 1024 ** 2 };
}

async function initialise({ binaries }: Bench, user: OsUser, dataDir: string, pages: PageSettings): Promise<void> {
  await mkdir(dataDir, { mode: 0o700 });
  await giveTo(user, dataDir);
  const checksums = pages.checksums ? ["--data-checksums"] : binaries.major >= 18 ? ["--no-data-checksums"] : [];
  const args = ["-D", dataDir, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-instructions"];
  const all = [...args, `--wal-segsize=${pages.segmentMb}`, ...checksums];
  await run(join(binaries.binDir, "initdb"), all, { cwd: dataDir, timeout: INITDB_MS, ...spawnIdentity(user) });
}

/** A stopped data directory may be copied as it is. */
async function copyTo(target: string, source: string, user: OsUser): Promise<void> {
  await cp(source, target, { recursive: true, preserveTimestamps: true });
  if (user.drop) await run("chown", ["-R", `${user.uid}:${user.gid}`, target]);
  await run("chmod", ["0700", target]);
}

async function startPostgres(
  { home, binaries }: Bench,
  user: OsUser,
  dataDir: string,
  settings: Readonly<Record<string, string>>,
): Promise<void> {
  const log = await open(join(home.logs, `plain-${settings.port}.log`), "a");
  try {
    if (user.drop) await chown(dataDir, user.uid, user.gid);
    const all = { ...settings, unix_socket_directories: "" };
    const args = Object.entries(all).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
    const child = spawn(join(binaries.binDir, "postgres"), ["-D", dataDir, ...args], {
      cwd: dataDir,
      detached: true,
      stdio: ["ignore", log.fd, log.fd],
      ...spawnIdentity(user),
    });
    child.once("error", () => undefined);
    child.unref();
  } finally {
    await log.close();
  }
}
