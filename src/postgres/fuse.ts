/**
 * The fuse: a child in a session of its own that closes Postgres if this sidecar dies, or hangs, for longer than it
 * may (DESIGN 7, POSTGRES.md F), and writes down what a sidecar that dies leaves behind. It outlives the sidecar; the next one
 * that starts puts a fuse of its own in its place.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { FuseWord } from "../core/lease/left_behind.js";
import { departurePath, departureText } from "./departure.js";
import { hasCode, writeFileDurably } from "./durable_files.js";
import { FUSE_ARGUMENTS } from "./fuse_script.js";
import type { OsUser } from "./os_user.js";
import { bootId } from "./postmaster_record.js";
import { HAS_PROC, identify, isRunning, type ProcessId, signal } from "./proc_table.js";
import { postgresEnvironment } from "./process.js";

export interface FuseOptions {
  readonly dataDir: string;
  readonly stateDir: string;
  readonly user: OsUser;
  /** In ms since the boot of the machine. */
  readonly nowMs: () => number;
  readonly warn: (text: string, cause: unknown) => void;
}

/** A time that is only put off by less than this is not told: a pipe takes a line, and the fuse wakes for it. */
const FEED_EVERY_MS = 500;
/** But what a lease adds: the next sidecar can go on by no more of it than was told. */
const FEED_LEASE_MS = 50;
/** One that ends without having burnt, or cannot be started, is not started again before this: bash is missing, or memory. */
const AGAIN_MS = 5_000;

const BURNT = "its time was over, and it was told of no more";

/** What the fuse goes by. */
interface Told {
  /** In ms since the boot of the machine. */
  readonly untilMs: number;
  readonly graceMs: number;
  readonly left: FuseWord["left"];
}

export class Fuse {
  private readonly options: FuseOptions;
  private readonly boot: string;
  private child: ChildProcess | null = null;
  private told: Told;
  private againAtMs = Number.NEGATIVE_INFINITY;
  private over = false;

  private constructor(options: FuseOptions, boot: string, word: FuseWord) {
    this.options = options;
    this.boot = boot;
    const { allowanceMs, graceMs, left } = word;
    this.told = { untilMs: options.nowMs() + (allowanceMs ?? 0), graceMs, left };
  }

  /**
   * Lights one, and only then ends that of an earlier sidecar. `word`: what it begins with. One that cannot be had is warned of:
   * Postgres runs without.
   */
  static async light(options: FuseOptions, word: FuseWord): Promise<Fuse> {
    const fuse = new Fuse(options, HAS_PROC ? await bootId() : "", word);
    const before = await readFuses(options.stateDir);
    await fuse.begin(before);
    for (const earlier of before) signal(earlier, "SIGKILL");
    return fuse;
  }

  /** Whether there is one: without it nobody closes a Postgres whose sidecar has left. */
  get lit(): boolean {
    return this.child !== null && this.child.pid !== undefined && this.child.exitCode === null;
  }

  /** What holds from `nowMs` on. Told at once if it is less than was told before, or other. */
  feed({ allowanceMs, graceMs, left }: FuseWord, nowMs: number): void {
    if (this.over) return;
    const { told } = this;
    if (this.child === null && allowanceMs !== null) return this.lightAgain({ allowanceMs, graceMs, left }, nowMs);
    const untilMs = allowanceMs === null ? told.untilMs : nowMs + allowanceMs;
    const more = untilMs - told.untilMs;
    const worthMs = left === null ? FEED_EVERY_MS : FEED_LEASE_MS;
    // A fence takes so much more than a millisecond that less of one is no news.
    if (more > -1 && more < worthMs && graceMs === told.graceMs && sameTerm(left, told.left)) return;
    this.told = { untilMs, graceMs, left };
    this.say(this.words().join(" "));
  }

  /** One that has burnt leaves a Postgres that is started again without any, and its node may lead in a moment. */
  private lightAgain(word: FuseWord & { readonly allowanceMs: number }, nowMs: number): void {
    if (nowMs < this.againAtMs) return;
    this.told = { untilMs: nowMs + word.allowanceMs, graceMs: word.graceMs, left: word.left };
    void this.begin();
  }

  /** The sidecar leaves. Postgres is closed when the machine has been up for so long, suspensions counted. */
  leave(untilMs: number): void {
    this.over = true;
    this.say(`until ${Math.max(0, Math.floor(untilMs))}`);
  }

  /** Postgres is closed already. */
  putOut(): void {
    this.over = true;
    this.say("off");
  }

  private words(): readonly [string, string, string] {
    const { untilMs, graceMs, left } = this.told;
    const ms = (value: number) => `${Math.max(0, Math.floor(value))}`;
    return [ms(untilMs), ms(graceMs), left === null ? "-" : departureText(left, this.boot)];
  }

  private say(line: string): void {
    const { child } = this;
    child?.stdin?.write(`${line}\n`);
    // One that has not read for some 250 lines closes nothing, and would tell what has long been over.
    if ((child?.stdin?.writableLength ?? 0) > 0) child?.kill("SIGKILL");
  }

  private async begin(before: readonly ProcessId[] = []): Promise<void> {
    const { dataDir, stateDir, user, warn } = this.options;
    const args = [...FUSE_ARGUMENTS, dataDir, departurePath(stateDir), ...this.words()];
    const child = spawn("bash", args, {
      detached: true,
      // Whose processes it may look at, and end, without any capability; and what it writes lies in their folder.
      ...(user.drop ? { uid: user.uid, gid: user.gid } : {}),
      cwd: "/",
      env: postgresEnvironment(process.env),
      stdio: ["pipe", "ignore", "inherit"],
    });
    this.child = child;
    // Whoever writes to one that has ended hears so from its exit as well.
    child.stdin?.on("error", () => undefined);
    child.once("error", (error) => this.lost(child, error.message));
    child.once("exit", (code, name) =>
      this.lost(child, code === 0 ? BURNT : `it ended (${name ?? `exit code ${code}`})`),
    );
    child.unref();
    // A pipe is a socket to Node, which would wait for it.
    if (child.stdin !== null && "unref" in child.stdin && typeof child.stdin.unref === "function") child.stdin.unref();
    const identity = child.pid === undefined ? null : identify(child.pid);
    if (identity === null) return;
    // Those before as well, until they are ended: who finds this file ends them all.
    const content = `${JSON.stringify([identity, ...before])}\n`;
    await writeFileDurably({ path: pathOf(stateDir), content, user, sync: "none" }).catch((error: unknown) =>
      warn("the fuse could not be written down; the next sidecar will not know of it", error),
    );
  }

  private lost(child: ChildProcess, cause: string): void {
    if (this.over || this.child !== child) return;
    const { warn, nowMs } = this.options;
    this.child = null;
    this.againAtMs = cause === BURNT ? Number.NEGATIVE_INFINITY : nowMs() + AGAIN_MS;
    warn(`the fuse, which closes Postgres if this sidecar dies, is gone: ${cause}`, new Error(cause));
  }
}

function sameTerm(a: FuseWord["left"], b: FuseWord["left"]): boolean {
  if (a === null || b === null) return a === b;
  return a.term === b.term && a.settled.term === b.settled.term && a.settled.subterm === b.settled.subterm;
}

function pathOf(stateDir: string): string {
  return join(stateDir, "fuse.json");
}

/** Whether the fuse of a sidecar before this one still burns, and may write down what that one left behind. */
export async function fuseOfBefore(stateDir: string): Promise<() => boolean> {
  const fuses = await readFuses(stateDir);
  return () => fuses.some(isRunning);
}

async function readFuses(stateDir: string): Promise<readonly ProcessId[]> {
  try {
    const value: unknown = JSON.parse(await readFile(pathOf(stateDir), "utf8"));
    return (Array.isArray(value) ? value : [value]).filter(isProcessId);
  } catch (error) {
    // Torn or absent, it names nobody; a fuse that is not known of burns by itself.
    if (error instanceof SyntaxError || hasCode(error, "ENOENT")) return [];
    throw error;
  }
}

function isProcessId(value: unknown): value is ProcessId {
  const { pid, startTicks } = (value ?? {}) as Partial<ProcessId>;
  return typeof pid === "number" && typeof startTicks === "string";
}
