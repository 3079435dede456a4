import { spawn } from "node:child_process";
import { closeSync, existsSync, openSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { DemoHome } from "./home.js";
import { HOME_VARIABLE } from "./processes.js";

/** One `quorate run` that the demo started. */
export interface Sidecar {
  readonly id: string;
  readonly pid: number;
  /** Null while it runs. */
  exit(): string | null;
}

/** The built command: beside this file's folder once built, and in dist when this file is run from its source. */
export function quorateCommand(): string {
  const places = ["../main.js", "../../dist/main.js"].map((path) => fileURLToPath(new URL(path, import.meta.url)));
  const found = places.find((path) => existsSync(path));
  if (found === undefined) throw new Error(`${places.at(-1)} does not exist; build it with \`npm run build\``);
  return found;
}

export function logFile(home: DemoHome, id: string): string {
  return join(home.logs, `${id}.log`);
}

/**
 * The same command that a person would type. In a session of its own: a Ctrl-C in the demo's terminal reaches the
 * demo alone, which then ends the sidecars in order, and a kept one survives the demo.
 */
export function startSidecar(home: DemoHome, id: string, more: readonly string[] = []): Sidecar {
  const log = openSync(logFile(home, id), "a");
  try {
    const child = spawn(process.execPath, [quorateCommand(), "run", "-c", home.config, "--node", id, ...more], {
      cwd: home.dir,
      detached: true,
      stdio: ["ignore", log, log],
      env: { ...process.env, [HOME_VARIABLE]: home.dir },
    });
    let exit: string | null = null;
    child.once("error", (error) => {
      exit = error.message;
    });
    child.once("exit", (code, signal) => {
      exit = signal ?? `exit code ${code}`;
    });
    child.unref();
    if (child.pid === undefined) throw new Error(`${process.execPath} could not be started`);
    return { id, pid: child.pid, exit: () => exit };
  } finally {
    closeSync(log);
  }
}

/** The last lines of a sidecar's log, short enough for a terminal. */
export async function logTail(home: DemoHome, id: string, lines: number): Promise<string> {
  const text = await readFile(logFile(home, id), "utf8").catch(() => "");
  return text.trimEnd().split("\n").slice(-lines).map(shorten).join("\n");
}

/** Which Postgres a sidecar says it found when it started. */
export async function postgresFound(home: DemoHome, id: string): Promise<PostgresFound | null> {
  const text = await readFile(logFile(home, id), "utf8").catch(() => "");
  for (const line of text.split("\n")) {
    const entry = parse(line);
    if (entry.mark === "started" && typeof entry.postgres === "string" && typeof entry.source === "string")
      return { version: entry.postgres, source: entry.source };
  }
  return null;
}

export interface PostgresFound {
  readonly version: string;
  /** configured, path, distribution or npm. */
  readonly source: string;
}

function shorten(line: string): string {
  const { time, level, msg } = parse(line);
  const clock = typeof time === "string" ? time.slice(11, 23) : "";
  return typeof msg === "string" ? `  ${clock} ${String(level).padEnd(5)} ${msg}` : `  ${line}`;
}

function parse(line: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    // Not every line is ours: Node itself writes plain text when it dies.
    return {};
  }
}
