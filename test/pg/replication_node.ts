import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Position, Term } from "../../src/core/log/position.js";
import type { Seat } from "../../src/core/ruleset/seats.js";
import type { Binaries } from "../../src/postgres/binaries.js";
import { giveTo, type OsUser, spawnIdentity } from "../../src/postgres/os_user.js";
import { type Promoted, promote } from "../../src/postgres/promote.js";
import { identifySystem } from "../../src/postgres/replication/connection.js";
import { finalPosition, type RevokeWays, revoke } from "../../src/postgres/revoke.js";
import { Session } from "../../src/postgres/session.js";
import { slotName } from "../../src/postgres/slots.js";
import type { FreshSession } from "../../src/postgres/sync_names.js";

export const SUPERUSER = "postgres";
export const REPLICATION_PASSWORD = "repl-secret";
/** As in every cluster of these tests. */
export function seatOf(id: string): Seat {
  return { id, incarnation: "0123456789abcdef" };
}

const NAMES_NOBODY = 'ANY 1 ("quorate_nobody")';
const DEADLINE_MS = 20_000;

const SETTINGS: Readonly<Record<string, string>> = {
  hot_standby: "on",
  wal_retrieve_retry_interval: "100ms",
  wal_receiver_status_interval: "1s",
  restart_after_crash: "off",
  recovery_target_timeline: "latest",
  wal_log_hints: "on",
  wal_keep_size: "64MB",
  max_wal_senders: "10",
  shared_buffers: "16MB",
  autovacuum: "off",
  fsync: "off",
};

export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined | false>,
  deadlineMs = DEADLINE_MS,
): Promise<T> {
  const end = performance.now() + deadlineMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (performance.now() > end) throw new Error(`not within ${deadlineMs} ms: ${what}`);
    await sleep(2);
  }
}

/** What a node needs of its cluster. */
export interface Home {
  readonly binaries: Binaries;
  readonly user: OsUser;
  giveAll(path: string): Promise<void>;
}

/** A plain Postgres without a sidecar, driven by the functions under test. */
export class Node {
  readonly dataDir: string;
  session!: Session;
  #child: ChildProcess | null = null;
  #sessions: Session[] = [];

  constructor(
    readonly cluster: Home,
    readonly id: string,
    readonly home: string,
    readonly port: number,
  ) {
    this.dataDir = join(home, "data");
  }

  get logFile(): string {
    return join(this.home, "log");
  }

  async configure(): Promise<void> {
    const hba = [
      "local all all trust",
      "local replication all trust",
      "host all all 127.0.0.1/32 scram-sha-256",
      "host replication all 127.0.0.1/32 scram-sha-256",
    ];
    await writeFile(join(this.dataDir, "pg_hba.conf"), `${hba.join("\n")}\n`);
    const lines = Object.entries(SETTINGS).map(([name, value]) => `${name} = '${value}'`);
    await writeFile(join(this.dataDir, "postgresql.conf"), `${lines.join("\n")}\n`);
    await this.setAutoConf({ synchronous_standby_names: NAMES_NOBODY });
    await this.cluster.giveAll(this.dataDir);
  }

  async setAutoConf(settings: Readonly<Record<string, string>>): Promise<void> {
    const path = join(this.dataDir, "postgresql.auto.conf");
    const names = Object.keys(settings);
    const kept = (await readFile(path, "utf8"))
      .split("\n")
      .filter((line) => !names.some((name) => line.startsWith(`${name} `)));
    const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'`);
    await writeFile(path, `${[...kept.filter((line) => line !== ""), ...lines].join("\n")}\n`);
  }

  get ways(): RevokeWays & FreshSession {
    return {
      setAutoConf: (settings) => this.setAutoConf(settings),
      reload: async () => void process.kill(this.pid, "SIGHUP"),
      identify: () =>
        identifySystem({
          host: this.home,
          port: this.port,
          user: SUPERUSER,
          password: null,
          applicationName: "identify",
          connectTimeoutMs: 2000,
        }),
      fresh: async (use) => {
        const session = await this.connect();
        try {
          return await use(session);
        } finally {
          await session.close();
        }
      },
    };
  }

  get pid(): number {
    if (this.#child?.pid === undefined) throw new Error(`${this.id} does not run`);
    return this.#child.pid;
  }

  async start(options: { standby: boolean; settings?: Readonly<Record<string, string>> }): Promise<void> {
    const signal = join(this.dataDir, "standby.signal");
    if (options.standby) {
      await writeFile(signal, "");
      await giveTo(this.cluster.user, signal);
    } else await rm(signal, { force: true });
    const log = openSync(this.logFile, "a");
    const extra = Object.entries(options.settings ?? {}).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
    const args = [
      "-D",
      this.dataDir,
      "-p",
      String(this.port),
      "-k",
      this.home,
      "-c",
      "listen_addresses=127.0.0.1",
      ...extra,
    ];
    this.#child = spawn(join(this.cluster.binaries.binDir, "postgres"), args, {
      ...spawnIdentity(this.cluster.user),
      cwd: this.home,
      stdio: ["ignore", log, log],
    });
    closeSync(log);
    const child = this.#child;
    this.session = await until(`${this.id} answers`, async () => {
      if (child.exitCode !== null) throw new Error(`${this.id} ended: ${(await this.log()).slice(-2000)}`);
      return this.connect().catch(() => undefined);
    });
    await until(`${this.id} is ready`, async () => (await this.recovering()) === options.standby);
  }

  async connect(): Promise<Session> {
    return Session.open({
      socketDir: this.home,
      port: this.port,
      superuser: SUPERUSER,
      major: this.cluster.binaries.major,
    });
  }

  async recovering(): Promise<boolean> {
    const rows = await this.session.query<{ r: boolean }>("select pg_is_in_recovery() as r");
    return rows[0]?.r === true;
  }

  async stop(): Promise<void> {
    await this.session.close();
    await this.#end("SIGINT");
  }

  async kill(): Promise<void> {
    await this.session?.close().catch(() => undefined);
    await this.#end("SIGQUIT");
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((done) => child.once("exit", done));
    child.kill(signal);
    await ended;
  }

  /** Streams from the leader, as our followers do: own slot, name with the term. */
  async follow(leader: Node, term: Term, options: { slot?: boolean } = {}): Promise<void> {
    if (options.slot !== false) {
      await leader.session.query(
        "select pg_create_physical_replication_slot($1::name, true) where not exists (select from pg_replication_slots where slot_name = $1::name)",
        [slotName(seatOf(this.id))],
      );
    }
    await this.dial(leader, term, options);
    await until(`${this.id} streams from ${leader.id}`, async () => {
      const rows = await leader.session.query(
        "select 1 from pg_stat_replication where application_name = $1 and state = 'streaming'",
        [`${this.id}@${term}`],
      );
      return rows.length === 1;
    });
  }

  async dial(leader: Node, term: Term, options: { slot?: boolean } = {}): Promise<void> {
    await this.setAutoConf({
      primary_conninfo: `host=${leader.home} port=${leader.port} user=${SUPERUSER} application_name=${this.id}@${term}`,
      primary_slot_name: options.slot === false ? "" : slotName(seatOf(this.id)),
    });
    await this.session.query("select pg_reload_conf()");
  }

  async revoke(deadlineMs = DEADLINE_MS): Promise<void> {
    await revoke({ session: this.session, ways: this.ways, deadlineMs });
  }

  async position(deadlineMs = DEADLINE_MS): Promise<Position> {
    return finalPosition({ session: this.session, ways: this.ways, dataDir: this.dataDir, deadlineMs });
  }

  async promote(
    term: Term,
    options: { names?: string; followers?: readonly string[]; position?: Position } = {},
  ): Promise<Promoted> {
    const outcome = await this.tryPromote(term, options);
    if (outcome.kind !== "promoted") throw new Error(`${this.id}: ${outcome.reason}`);
    return outcome;
  }

  async tryPromote(term: Term, options: { names?: string; followers?: readonly string[]; position?: Position } = {}) {
    return promote({
      session: this.session,
      slotSession: this.session,
      ways: this.ways,
      dataDir: this.dataDir,
      user: this.cluster.user,
      term,
      position: options.position ?? (await this.position()),
      namesProven: false,
      names: options.names ?? NAMES_NOBODY.replace("nobody", `nobody@${term}`),
      followers: (options.followers ?? []).map(seatOf),
      keepPids: this.#sessions.map((session) => session.backendPid),
      // Doors are another test's matter: these nodes have none.
      shutDoor: async () => {},
      deadlineMs: DEADLINE_MS,
    });
  }

  /** A statement whose commit waits for nobody. */
  async write(sql: string): Promise<void> {
    const session = await Session.open({
      socketDir: this.home,
      port: this.port,
      superuser: SUPERUSER,
      major: this.cluster.binaries.major,
      synchronousCommit: "local",
    });
    try {
      await session.query(sql);
    } finally {
      await session.close();
    }
  }

  async log(): Promise<string> {
    return readFile(this.logFile, "utf8");
  }
}

export function namesOf(followers: readonly Node[], term: Term): string {
  return `ANY 1 (${followers.map((node) => `"${node.id}@${term}"`).join(", ")})`;
}
