import { type ChildProcess, spawn } from "node:child_process";
import { copyFile, mkdir } from "node:fs/promises";
import { uptime } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { Fuse } from "../../src/postgres/fuse.js";
import { FUSE_SCRIPT } from "../../src/postgres/fuse_script.js";
import { HAS_PROC } from "../../src/postgres/proc_table.js";
import { tempDir } from "../temp_dir.js";

const DEADLINE_MS = 20_000;
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

function fuse(dataDir: string, seconds: string): ChildProcess {
  return start("bash", ["-c", FUSE_SCRIPT, "fuse", dataDir, seconds], "/");
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
      expect(await exitOf(fuse(dataDir, "0.2"))).toBe(0);
      await Promise.all(ended);
      expect(runs(elsewhere)).toBe(true);
    },
    DEADLINE_MS,
  );

  it(
    "does so when its input ends, but not before the time that it was told last",
    async () => {
      const dataDir = join(await tempDir(), "pgdata");
      const ours = await postgresIn(dataDir);
      const ended = exitOf(ours);
      const child = fuse(dataDir, "1000");
      child.stdin?.write("1000\n");
      child.stdin?.end("0.3\n");
      await Promise.all([ended, exitOf(child)]);
      expect(runs(ours)).toBe(false);
    },
    DEADLINE_MS,
  );

  it(
    "of a sidecar that left goes by the time since boot, and does not burn before",
    async () => {
      const dataDir = join(await tempDir(), "pgdata");
      const ours = await postgresIn(dataDir);
      const ended = exitOf(ours);
      const child = fuse(dataDir, "1000");
      const untilMs = uptime() * 1000 + 300;
      child.stdin?.end(`until ${Math.floor(untilMs)}\n`);
      await Promise.all([ended, exitOf(child)]);
      // Both are told in hundredths of a second.
      expect(uptime() * 1000).toBeGreaterThanOrEqual(untilMs - 20);
    },
    DEADLINE_MS,
  );

  it(
    "is put out by a word, and one that took its place ends it",
    async () => {
      const dataDir = join(await tempDir(), "pgdata");
      const ours = await postgresIn(dataDir);
      const out = fuse(dataDir, "1000");
      out.stdin?.write("off\n");
      expect(await exitOf(out)).toBe(0);
      const stateDir = await tempDir();
      const user = { name: "nobody", uid: 0, gid: 0, drop: false };
      const warnings: string[] = [];
      const options = {
        dataDir,
        stateDir,
        user,
        allowanceMs: () => 100_000,
        warn: (text: string) => warnings.push(text),
      };
      const first = await Fuse.light(options);
      const second = await Fuse.light(options);
      first.putOut();
      second.putOut();
      expect(runs(ours)).toBe(true);
      expect(warnings.filter((text) => !text.includes("SIGKILL"))).toEqual([]);
    },
    DEADLINE_MS,
  );
});
