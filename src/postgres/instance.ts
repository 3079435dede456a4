import { EventEmitter } from "node:events";
import { readControlData } from "./control_data.js";
import { fence, stopFast } from "./fence.js";
import type { OsUser } from "./os_user.js";
import { isRunning, type ProcessId } from "./proc_table.js";
import type { Running, SafeStartOptions } from "./safe_start.js";
import { placesOf, safeStart } from "./safe_start.js";
import { Session } from "./session.js";

export interface InstanceOptions {
  readonly start: SafeStartOptions;
  readonly superuser: string;
}

const STOP_DEADLINE_MS = 10_000;
/** How long a lost session may take to be explained by the end of the postmaster, before another one is tried. */
const SESSION_GRACE_MS = 50;
/** Whoever locks a table of ours must not stop the looks by which a leader judges its quorum. */
const LOOK_LOCK_TIMEOUT_MS = 50;
/** An operation that waits for a lock in vain fails with the reason, and is tried again. */
const OPERATION_LOCK_TIMEOUT_MS = 5_000;

/**
 * One Postgres while it runs: its processes, and two sessions of ours on it (one for operations, one for looking).
 * `gone` is emitted once, when it ended without being asked to.
 */
export class Instance extends EventEmitter<{ gone: [string] }> {
  readonly running: Running;
  private readonly options: InstanceOptions;
  private operations: Session;
  private looking: Session;
  private identifier: string | null = null;
  private ending = false;
  private over: string | null = null;

  private constructor(options: InstanceOptions, running: Running, operations: Session, looking: Session) {
    super();
    this.options = options;
    this.running = running;
    this.operations = operations;
    this.looking = looking;
    void running.child?.exited.then((status) =>
      this.lose(`the postmaster ended (${status.signal ?? `exit code ${status.code}`})`),
    );
    this.watch(operations);
    this.watch(looking);
  }

  /** Safe start, then our sessions; on failure no Postgres is left running. */
  static async start(options: InstanceOptions): Promise<Instance> {
    const running = await safeStart(options.start);
    try {
      const operations = await openSession(options, running.socketDir, OPERATION_LOCK_TIMEOUT_MS);
      const looking = await openSession(options, running.socketDir, LOOK_LOCK_TIMEOUT_MS);
      return new Instance(options, running, operations, looking);
    } catch (error) {
      await fence({ dataDir: options.start.dataDir });
      throw error;
    }
  }

  /** Sessions on one that a sidecar before this one started: it is no child of ours. On failure it runs on. */
  static async attach(options: InstanceOptions, process: ProcessId): Promise<Instance> {
    const places = placesOf(options.start.stateDir);
    const running = { child: null, process, pid: process.pid, ...places };
    const operations = await openSession(options, places.socketDir, OPERATION_LOCK_TIMEOUT_MS);
    try {
      const looking = await openSession(options, places.socketDir, LOOK_LOCK_TIMEOUT_MS);
      return new Instance(options, running, operations, looking);
    } catch (error) {
      await operations.close();
      throw error;
    }
  }

  /** Leaves it to whoever comes next: our sessions end, it does not. */
  async leave(): Promise<void> {
    this.ending = true;
    await this.closeSessions();
  }

  /** Why it was lost, if it was. */
  get lost(): string | null {
    return this.over;
  }

  get start(): SafeStartOptions {
    return this.options.start;
  }

  get user(): OsUser {
    return this.options.start.user;
  }

  get session(): Session {
    return this.operations;
  }

  get observer(): Session {
    return this.looking;
  }

  /** Of its data; read once, since it never changes while Postgres runs. */
  async systemIdentifier(): Promise<string> {
    this.identifier ??= String((await readControlData(this.options.start.dataDir)).systemIdentifier);
    return this.identifier;
  }

  /** A session of its own for one purpose, closed afterwards. */
  async fresh<T>(use: (session: Session) => Promise<T>): Promise<T> {
    const session = await openSession(this.options, this.running.socketDir);
    try {
      return await use(session);
    } finally {
      await session.close();
    }
  }

  /** Ends every process at once; nothing is emitted. */
  async fence(graceMs?: number): Promise<void> {
    this.ending = true;
    await fence({ dataDir: this.options.start.dataDir, ...(graceMs === undefined ? {} : { graceMs }) });
    await this.closeSessions();
  }

  /** A clean stop, which also gives its shared memory back. */
  async stop(): Promise<void> {
    this.ending = true;
    await this.closeSessions();
    await stopFast({ dataDir: this.options.start.dataDir, deadlineMs: STOP_DEADLINE_MS });
  }

  private async closeSessions(): Promise<void> {
    await Promise.allSettled([this.operations.close(), this.looking.close()]);
  }

  private watch(session: Session): void {
    session.once("lost", (error) => {
      if (this.ending || this.over !== null) return;
      // Of one that is no child of ours, this is all that tells of its end.
      const graceMs = isRunning(this.running.process) ? SESSION_GRACE_MS : 0;
      setTimeout(() => void this.reopen(error), graceMs).unref();
    });
  }

  /** A session may end alone (an operator ended it); Postgres counts as gone only if no other can be opened. */
  private async reopen(cause: Error): Promise<void> {
    if (this.ending || this.over !== null) return;
    if (!isRunning(this.running.process)) return this.lose("the postmaster is gone");
    try {
      const looks = this.operations.alive;
      const timeoutMs = looks ? LOOK_LOCK_TIMEOUT_MS : OPERATION_LOCK_TIMEOUT_MS;
      const session = await openSession(this.options, this.running.socketDir, timeoutMs);
      if (looks) this.looking = session;
      else this.operations = session;
      this.watch(session);
    } catch (error) {
      this.lose(
        `our session ended (${cause.message}) and no other can be opened: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }

  private lose(reason: string): void {
    if (this.ending || this.over !== null) return;
    this.over = reason;
    this.emit("gone", reason);
  }
}

function openSession(options: InstanceOptions, socketDir: string, lockTimeoutMs = 0): Promise<Session> {
  return Session.open({
    socketDir,
    port: options.start.port,
    superuser: options.superuser,
    major: options.start.binaries.major,
    lockTimeoutMs,
  });
}
