import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ClientConfig } from "pg";
import { Client } from "pg";
import type { Binaries } from "../../../src/postgres/binaries.js";
import { findBinaries } from "../../../src/postgres/binaries.js";
import { fence, releaseSharedMemory } from "../../../src/postgres/fence.js";
import { initdb } from "../../../src/postgres/initdb.js";
import type { OsUser } from "../../../src/postgres/os_user.js";
import { chooseOsUser, giveTo } from "../../../src/postgres/os_user.js";
import type { PostgresChild } from "../../../src/postgres/process.js";
import { spawnPostgres } from "../../../src/postgres/process.js";
import type { Running, SafeStartOptions, Started } from "../../../src/postgres/safe_start.js";
import { safeStart } from "../../../src/postgres/safe_start.js";
import { Session } from "../../../src/postgres/session.js";
import { commandLine } from "../../../src/postgres/settings.js";
import { removeSocketDir, socketDirFor } from "../../../src/postgres/socket_dir.js";

const REPOSITORY = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..");

/** Every Postgres that this machine has: the distribution's (any version) and npm's. QUORATE_TEST_PG=15 narrows it. */
export async function availableBinaries(user: OsUser): Promise<Binaries[]> {
  const found: Binaries[] = [];
  for (const source of ["distribution", "npm"] as const) {
    const options = {
      sources: [source],
      packageRoot: REPOSITORY,
      user,
      cacheDir: join(tmpdir(), "quorate-test-cache"),
    };
    const binaries = await findBinaries(options).catch(() => null);
    if (binaries !== null && !found.some(({ version }) => version === binaries.version)) found.push(binaries);
  }
  const only = process.env.QUORATE_TEST_PG;
  return only ? found.filter(({ major }) => String(major) === only) : found;
}

export const testUser = await chooseOsUser({});
export const testBinaries = await availableBinaries(testUser);

export const SUPERUSER = "postgres";
/** A role of the user's; its password is its name. */
export const CLIENT_ROLE = "alice";
export const REPLICATION_USER = "quorate_replication";

/** A port that nobody listens on at this moment. */
export async function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer();
    server.once("error", fail);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() =>
        address !== null && typeof address === "object" ? done(address.port) : fail(new Error("no port")),
      );
    });
  });
}

/** One data directory in a temporary place, and what is needed to start it. */
export class Instance {
  readonly sessions: Session[] = [];
  readonly clients: Client[] = [];

  private constructor(
    readonly root: string,
    readonly binaries: Binaries,
    readonly port: number,
  ) {}

  static async create(binaries: Binaries): Promise<Instance> {
    const instance = await Instance.empty(binaries);
    await initdb({ binaries, user: testUser, dataDir: instance.dataDir, superuser: SUPERUSER, walSegmentSizeMb: 1 });
    return instance;
  }

  /** Without a data directory: for initdb's own tests, and for copies. */
  static async empty(binaries: Binaries): Promise<Instance> {
    const root = await mkdtemp(join(tmpdir(), "quorate-pg-"));
    await giveTo(testUser, root);
    return new Instance(root, binaries, await freePort());
  }

  get dataDir(): string {
    return join(this.root, "pgdata");
  }

  get stateDir(): string {
    return join(this.root, "state");
  }

  startOptions(more: Partial<SafeStartOptions> = {}): SafeStartOptions {
    return {
      binaries: this.binaries,
      user: testUser,
      dataDir: this.dataDir,
      stateDir: this.stateDir,
      port: this.port,
      listenAddresses: ["127.0.0.1"],
      hba: { superuser: SUPERUSER, replicationUser: REPLICATION_USER },
      fast: true,
      deadlineMs: 30_000,
      ...more,
    };
  }

  async start(more: Partial<SafeStartOptions> = {}): Promise<Started> {
    return safeStart(this.startOptions(more));
  }

  async session(running: Running, synchronousCommit: "on" | "local" = "local"): Promise<Session> {
    const session = await Session.open({
      socketDir: running.socketDir,
      port: this.port,
      superuser: SUPERUSER,
      major: this.binaries.major,
      synchronousCommit,
    });
    this.sessions.push(session);
    return session;
  }

  /** A primary on timeline 2 with a role that clients use, its commits waiting for nobody's follower. */
  async promote(session: Session): Promise<void> {
    await session.query("SELECT pg_promote(false)");
    await until("promoted", async () => {
      const [row] = await session.query<{ standby: boolean }>("SELECT pg_is_in_recovery() AS standby");
      return row?.standby === false;
    });
  }

  /** The way that we never go: as the directory stands, without standby.signal, sweep or normalization. */
  async startNaively(): Promise<PostgresChild> {
    const socketDir = socketDirFor(this.stateDir);
    const args = commandLine({
      major: this.binaries.major,
      port: this.port,
      listenAddresses: ["127.0.0.1"],
      socketDir,
      hbaFile: join(this.stateDir, "postgres", "pg_hba.conf"),
      configFile: join(this.stateDir, "postgres", "postgresql.conf"),
      fast: true,
    });
    return spawnPostgres({
      binaries: this.binaries,
      user: testUser,
      dataDir: this.dataDir,
      args,
      logFile: this.logFile,
    });
  }

  get logFile(): string {
    return join(this.stateDir, "postgres", "postgres.log");
  }

  async log(): Promise<string> {
    return readFile(this.logFile, "utf8");
  }

  /** A client with a password, over TCP, through the door. */
  async client(more: ClientConfig = {}): Promise<Client> {
    const client = new Client({
      host: "127.0.0.1",
      port: this.port,
      user: CLIENT_ROLE,
      password: CLIENT_ROLE,
      database: "postgres",
      ...more,
    });
    client.on("error", () => undefined);
    this.clients.push(client);
    await client.connect();
    return client;
  }

  /** Leaves nothing: no process, no shared memory, no directory. */
  async destroy(): Promise<void> {
    await fence({ dataDir: this.dataDir });
    for (const session of this.sessions) await session.close().catch(() => undefined);
    for (const client of this.clients) await client.end().catch(() => undefined);
    await releaseSharedMemory(this.dataDir);
    await removeSocketDir(this.stateDir);
    await rm(this.root, { recursive: true, force: true });
  }
}

/** Waits on a condition, never on time: throws with the last error when the deadline is over. */
export async function until(
  what: string,
  condition: () => Promise<boolean> | boolean,
  deadlineMs = 10_000,
): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    if (await condition()) return;
    if (performance.now() > deadline) throw new Error(`not within ${deadlineMs} ms: ${what}`);
    await new Promise((done) => setTimeout(done, 5));
  }
}
