import { readdir, readFile, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import type { DemoHome } from "./home.js";
import { removeHome } from "./home.js";
import { sendSignal, stillRuns } from "./proc_files.js";
import { type DemoProcess, listDemoProcesses } from "./processes.js";
import { freeSegments, listSegments, readMarks } from "./shared_memory.js";
import { DemoFailed, until } from "./waiting.js";

/** A sidecar fences its Postgres first; initdb, a clone or a busy machine may hold that up. */
const TERM_MS = 20_000;
const KILL_MS = 5_000;
const EVERY_MS = 20;

/** The ending is not interruptible: it is what an interruption leads to, and every wait in it has a deadline. */
const NEVER = new AbortController().signal;

/** Stops everything of a demo and removes its directory; returns what could not be removed. Idempotent. */
export async function endDemo(home: DemoHome): Promise<readonly string[]> {
  await stopSidecars(home);
  await killRest(home);
  const marks = await readMarks(home);
  await freeSegments(marks);
  const sockets = await foreignSocketDirs(home);
  for (const dir of sockets) await rm(dir, { recursive: true, force: true });
  const problems: string[] = [];
  await removeHome(home).catch((error: Error) => problems.push(`directory ${home.dir}: ${error.message}`));
  const processes = listDemoProcesses(home).map(({ pid, kind }) => `process ${pid} (${kind})`);
  const segments = (await listSegments(marks)).map(({ id }) => `shared memory segment ${id}`);
  return [...problems, ...processes, ...segments];
}

async function stopSidecars(home: DemoHome): Promise<void> {
  const asked = new Set<number>();
  const sidecars = () => listDemoProcesses(home).filter(({ kind }) => kind === "sidecar");
  await gone(TERM_MS, () => {
    const running = sidecars();
    for (const sidecar of running) {
      // Once each: a sidecar that is just being started by hand is found in a later round.
      if (!asked.has(sidecar.pid)) sendSignal(sidecar, "SIGINT");
      asked.add(sidecar.pid);
    }
    return running;
  });
}

/** What survived a SIGINT, or lost its sidecar before: nothing of it is worth keeping any more. */
async function killRest(home: DemoHome): Promise<void> {
  await gone(KILL_MS, () => {
    const running = listDemoProcesses(home);
    for (const process of running) sendSignal(process, "SIGKILL");
    return running;
  });
}

/** Until none is left, or the deadline: what is left then is reported by the caller. */
async function gone(deadlineMs: number, running: () => readonly DemoProcess[]): Promise<void> {
  const none = () => (running().some(stillRuns) ? null : true);
  await until(none, { what: "the processes to end", deadlineMs, everyMs: EVERY_MS, signal: NEVER }).catch((error) => {
    if (!(error instanceof DemoFailed)) throw error;
  });
}

/** A directory whose path is too long for a socket has its sockets elsewhere; Postgres wrote down where. */
async function foreignSocketDirs(home: DemoHome): Promise<readonly string[]> {
  const found = new Set<string>();
  for (const node of await readdir(home.dir).catch(() => [])) {
    const options = await readFile(join(home.dir, node, "pgdata", "postmaster.opts"), "utf8").catch(() => "");
    const dir = /unix_socket_directories=([^"\n]+)/.exec(options)?.[1];
    if (dir !== undefined && /^quorate-[0-9a-f]{16}$/.test(basename(dir))) found.add(dir);
  }
  return [...found];
}
