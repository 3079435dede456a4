/**
 * The fuse: a child in a session of its own that closes Postgres if this sidecar dies, or hangs, for longer than it
 * may (DESIGN 7, POSTGRES.md F). It outlives the sidecar; the next one that starts puts a fuse of its own in its place.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { hasCode, writeFileDurably } from "./durable_files.js";
import { FUSE_SCRIPT } from "./fuse_script.js";
import type { OsUser } from "./os_user.js";
import { identify, type ProcessId, signal } from "./proc_table.js";
import { postgresEnvironment } from "./process.js";

export interface FuseOptions {
  readonly dataDir: string;
  readonly stateDir: string;
  readonly user: OsUser;
  /** For how long nothing need be heard from now on, in ms; null while the loop does not turn. */
  readonly allowanceMs: () => number | null;
  readonly warn: (text: string, cause: unknown) => void;
}

const FEED_EVERY_MS = 500;
/** One that cannot be started, or ends by itself, is started again after this long. */
const AGAIN_MS = 5_000;

export class Fuse {
  private readonly options: FuseOptions;
  private child: ChildProcess | null = null;
  private readonly timer: NodeJS.Timeout;
  private over = false;

  private constructor(options: FuseOptions) {
    this.options = options;
    this.timer = setInterval(() => this.feed(), FEED_EVERY_MS).unref();
  }

  /** Lights one, and ends that of an earlier sidecar. One that cannot be had is warned of: Postgres runs without. */
  static async light(options: FuseOptions): Promise<Fuse> {
    const fuse = new Fuse(options);
    const before = await readEarlier(options.stateDir);
    await fuse.begin();
    if (before !== null) signal(before, "SIGKILL");
    return fuse;
  }

  /** Whether there is one: without it nobody closes a Postgres whose sidecar has left. */
  get lit(): boolean {
    return this.child !== null && this.child.pid !== undefined && this.child.exitCode === null;
  }

  /** The sidecar leaves. Postgres is closed when the machine has been up for so long, suspensions counted. */
  leave(untilMs: number): void {
    this.end();
    this.say(`until ${Math.max(0, Math.floor(untilMs))}`);
  }

  /** Postgres is closed already. */
  putOut(): void {
    this.end();
    this.say("off");
  }

  private end(): void {
    this.over = true;
    clearInterval(this.timer);
  }

  private feed(): void {
    const ms = this.options.allowanceMs();
    if (ms !== null) this.say(seconds(ms));
  }

  private say(line: string): void {
    this.child?.stdin?.write(`${line}\n`);
  }

  private async begin(): Promise<void> {
    const { dataDir, stateDir, user, warn } = this.options;
    const allowed = seconds(this.options.allowanceMs() ?? AGAIN_MS);
    const child = spawn("bash", ["-c", FUSE_SCRIPT, "quorate-fuse", dataDir, allowed], {
      detached: true,
      cwd: "/",
      env: postgresEnvironment(process.env),
      stdio: ["pipe", "ignore", "inherit"],
    });
    this.child = child;
    // Whoever writes to one that has ended hears so from its exit as well.
    child.stdin?.on("error", () => undefined);
    child.once("error", (error) => this.lost(child, error));
    child.once("exit", (code, name) => this.lost(child, new Error(`it ended (${name ?? `exit code ${code}`})`)));
    child.unref();
    // A pipe is a socket to Node, which would wait for it.
    if (child.stdin !== null && "unref" in child.stdin && typeof child.stdin.unref === "function") child.stdin.unref();
    const identity = child.pid === undefined ? null : identify(child.pid);
    if (identity === null) return;
    const content = `${JSON.stringify(identity)}\n`;
    await writeFileDurably({ path: pathOf(stateDir), content, user, sync: "none" }).catch((error: unknown) =>
      warn("the fuse could not be written down; the next sidecar will not know of it", error),
    );
  }

  private lost(child: ChildProcess, cause: Error): void {
    if (this.over || this.child !== child) return;
    this.child = null;
    this.options.warn(`the fuse, which closes Postgres if this sidecar dies, is gone: ${cause.message}`, cause);
    setTimeout(() => {
      if (!this.over) void this.begin();
    }, AGAIN_MS).unref();
  }
}

function pathOf(stateDir: string): string {
  return join(stateDir, "fuse.json");
}

async function readEarlier(stateDir: string): Promise<ProcessId | null> {
  try {
    const value: unknown = JSON.parse(await readFile(pathOf(stateDir), "utf8"));
    const { pid, startTicks } = value as Partial<ProcessId>;
    return typeof pid === "number" && typeof startTicks === "string" ? { pid, startTicks } : null;
  } catch (error) {
    // Torn or absent, it names nobody; a fuse that is not known of burns by itself.
    if (error instanceof SyntaxError || hasCode(error, "ENOENT")) return null;
    throw error;
  }
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(3);
}
