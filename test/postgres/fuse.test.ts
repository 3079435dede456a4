import { type ChildProcess, spawn } from "node:child_process";
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { uptime } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Fuse, type FuseOptions, fuseOfBefore } from "../../src/postgres/fuse.js";
import { FUSE_ARGUMENTS } from "../../src/postgres/fuse_script.js";
import { HAS_PROC } from "../../src/postgres/proc_table.js";
import { tempDir } from "../temp_dir.js";

const DEADLINE_MS = 20_000;
const USER = { name: "nobody", uid: 0, gid: 0, drop: false };
const started: ChildProcess[] = [];
afterEach(() => {
  for (const child of started.splice(0)) child.kill("SIGKILL");
});

/** A process by the name of Postgres that works in this directory. */
async function postgresIn(dataDir: string): Promise<ChildProcess> {
  await mkdir(dataDir, { recursive: true });
  const program = join(await tempDir(), "postgres");
  await copyFile("/bin/sleep", program);
  return start(program, ["1000"], dataDir);
}

function start(program: string, args: readonly string[], cwd: string): ChildProcess {
  const child = spawn(program, args, { cwd, stdio: ["pipe", "ignore", "ignore"] });
  started.push(child);
  return child;
}

/** Begun with a time that is over `ms` from now, as every line is. */
function fuse(dataDir: string, ms: number, departure = "/dev/null", grace = "0"): ChildProcess {
  return start("bash", [...FUSE_ARGUMENTS, dataDir, departure, ...line(ms, "-", grace).split(" ")], "/");
}

function line(ms: number, left = "-", grace = "0"): string {
  return `${Math.floor(uptime() * 1000 + ms)} ${grace} ${left}`;
}

function optionsOf(dataDir: string, stateDir: string, warnings: string[] = []): FuseOptions {
  const warn = (text: string) => void warnings.push(text);
  return { dataDir, stateDir, user: USER, nowMs: () => uptime() * 1000, warn };
}

function exitOf(child: ChildProcess): Promise<number | string | null> {
  return new Promise((resolve) => child.once("exit", (code, signal) => resolve(signal ?? code)));
}

function runs(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}

describe.skipIf(!HAS_PROC)("the fuse", () => {
  it(
    "closes what works in its directory, and nothing else, once nothing is heard",
    async () => {
      const dataDir = join(await tempDir(), "pgdata");
      const [ours, another, elsewhere] = [
        await postgresIn(dataDir),
        await postgresIn(dataDir),
        await postgresIn(join(await tempDir(), "pgdata")),
      ];
      const ended = [exitOf(ours), exitOf(another)];
      expect(await exitOf(fuse(dataDir, 200))).toBe(0);
      await Promise.all(ended);
      expect(runs(elsewhere)).toBe(true);
    },
    DEADLINE_MS,
  );

  it(
    "lets a sidecar that is there speak first for as long as it was told to, and of a lease that is no time",
    async () => {
      const dataDir = join(await tempDir(), "pgdata");
      const ours = await postgresIn(dataDir);
      const ended = exitOf(ours);
      const child = fuse(dataDir, 50, "/dev/null", "1000000");
      const untilMs = uptime() * 1000 + 50;
      while (uptime() * 1000 < untilMs + 100) await delay(10);
      expect(runs(ours) && runs(child)).toBe(true);
      child.stdin?.write(`${line(50)}\n`);
      await Promise.all([ended, exitOf(child)]);
    },
    DEADLINE_MS,
  );

  it(
    "hears first what was said while it was late itself",
    async () => {
      const dataDir = join(await tempDir(), "pgdata");
      const ours = await postgresIn(dataDir);
      const child = fuse(dataDir, 100);
      const untilMs = uptime() * 1000 + 100;
      child.kill("SIGSTOP");
      while (uptime() * 1000 < untilMs + 50) await delay(10);
      child.stdin?.write(`${line(1_000_000)}\noff\n`);
      child.kill("SIGCONT");
      expect(await exitOf(child)).toBe(0);
      expect(runs(ours)).toBe(true);
    },
    DEADLINE_MS,
  );

  it(
    "does so when its input ends, not before the time that it was told last, and writes down at once what is left behind",
    async () => {
      const dataDir = join(await tempDir(), "pgdata");
      const ours = await postgresIn(dataDir);
      const ended = exitOf(ours);
      const departure = join(await tempDir(), "departure.json");
      const child = fuse(dataDir, 1_000_000, departure);
      child.stdin?.write(`${line(1_000_000)}\n`);
      const untilMs = uptime() * 1000 + 300;
      child.stdin?.end(`${line(300, '{"left":"behind"}')}\n`);
      // While Postgres goes on: the next sidecar does not wait for its end.
      while ((await readFile(departure, "utf8").catch(() => "")) !== '{"left":"behind"}\n') await delay(1);
      expect(runs(ours)).toBe(true);
      await Promise.all([ended, exitOf(child)]);
      expect(uptime() * 1000).toBeGreaterThanOrEqual(untilMs - 20);
    },
    DEADLINE_MS,
  );

  it(
    "of a sidecar that left goes by the time since boot, and does not burn before",
    async () => {
      const dataDir = join(await tempDir(), "pgdata");
      const ours = await postgresIn(dataDir);
      const ended = exitOf(ours);
      const child = fuse(dataDir, 1_000_000);
      const untilMs = uptime() * 1000 + 300;
      child.stdin?.end(`until ${Math.floor(untilMs)}\n`);
      await Promise.all([ended, exitOf(child)]);
      // Both are told in hundredths of a second.
      expect(uptime() * 1000).toBeGreaterThanOrEqual(untilMs - 20);
    },
    DEADLINE_MS,
  );

  it(
    "burns whatever the environment has bash do at its start",
    async () => {
      const [stateDir, dataDir] = [await tempDir(), join(await tempDir(), "pgdata")];
      const ended = exitOf(await postgresIn(dataDir));
      const rc = join(stateDir, ".bashrc");
      await writeFile(rc, "sleep 1000\n");
      vi.stubEnv("BASH_ENV", rc).stubEnv("HOME", stateDir).stubEnv("SHLVL", "0");
      const options = optionsOf(dataDir, stateDir);
      const lit = await Fuse.light(options, { allowanceMs: 300, graceMs: 0, left: null });
      vi.unstubAllEnvs();
      await ended;
      lit.putOut();
    },
    DEADLINE_MS,
  );

  it(
    "is lit again at the next word once it has burnt: a sidecar that was frozen leads again before long",
    async () => {
      const [stateDir, dataDir] = [await tempDir(), join(await tempDir(), "pgdata")];
      const ended = [exitOf(await postgresIn(dataDir))];
      const options = optionsOf(dataDir, stateDir);
      const lit = await Fuse.light(options, { allowanceMs: 50, graceMs: 0, left: null });
      await Promise.all(ended);
      await expect.poll(() => lit.lit, { interval: 5, timeout: DEADLINE_MS }).toBe(false);
      const again = exitOf(await postgresIn(dataDir));
      lit.feed({ allowanceMs: null, graceMs: 0, left: null }, options.nowMs());
      expect(lit.lit, "of a leader that is being fenced").toBe(false);
      lit.feed({ allowanceMs: 50, graceMs: 0, left: null }, options.nowMs());
      expect(lit.lit).toBe(true);
      await again;
      lit.putOut();
    },
    DEADLINE_MS,
  );

  it(
    "is put out by a word, and one that took its place ends it",
    async () => {
      const dataDir = join(await tempDir(), "pgdata");
      const ours = await postgresIn(dataDir);
      const out = fuse(dataDir, 1_000_000);
      out.stdin?.write("off\n");
      expect(await exitOf(out)).toBe(0);
      const stateDir = await tempDir();
      const warnings: string[] = [];
      const options = optionsOf(dataDir, stateDir, warnings);
      const first = await Fuse.light(options, { allowanceMs: 100_000, graceMs: 500, left: null });
      const before = await fuseOfBefore(stateDir);
      expect(before()).toBe(true);
      const second = await Fuse.light(options, { allowanceMs: 100_000, graceMs: 500, left: null });
      while (before()) await delay(1);
      second.feed({ allowanceMs: 200_000, graceMs: 500, left: null }, options.nowMs());
      expect(second.lit).toBe(true);
      first.putOut();
      second.putOut();
      expect(runs(ours)).toBe(true);
      expect(warnings.filter((text) => !text.includes("SIGKILL"))).toEqual([]);
    },
    DEADLINE_MS,
  );
});
