import { listProc, type ProcEntry, sendSignal, stillRuns } from "../../../src/demo/proc_files.js";
import { waitFor } from "./waiting.js";

const GONE_MS = 10_000;

/** A node as the processes of this machine show it: its sidecar, and whatever works in its directory. */
export interface NodeProcesses {
  readonly sidecarPid: number | null;
  readonly dataDir: string;
}

/** Everything that would be gone if the node's machine lost its power. */
export function listNode({ sidecarPid, dataDir }: NodeProcesses): readonly ProcEntry[] {
  const all = listProc();
  const found = new Map<number, ProcEntry>();
  for (const entry of all) {
    if (entry.pid === sidecarPid || isUnder(entry.cwd, dataDir) || entry.args.some((arg) => isUnder(arg, dataDir)))
      found.set(entry.pid, entry);
  }
  for (let before = -1; before !== found.size; ) {
    before = found.size;
    for (const entry of all) if (found.has(entry.parent)) found.set(entry.pid, entry);
  }
  return [...found.values()];
}

/** Processes of the node's Postgres, the postmaster first. */
export function listPostgresOf(dataDir: string): readonly ProcEntry[] {
  const own = listProc().filter(({ program, cwd }) => program === "postgres" && isUnder(cwd, `${dataDir}/pgdata`));
  const pids = new Set(own.map(({ pid }) => pid));
  return own.sort((a, b) => Number(pids.has(a.parent)) - Number(pids.has(b.parent)));
}

/**
 * As a power cut: all of them at the same instant. They are frozen first, since a backend that outlives its postmaster
 * by a millisecond gives up waiting for its quorum, which no power cut does.
 */
export async function killAll(list: () => readonly ProcEntry[]): Promise<void> {
  await waitFor("the killed processes to be gone", GONE_MS, () => {
    const running = list();
    for (const entry of running) sendSignal(entry, "SIGSTOP");
    for (const entry of running) sendSignal(entry, "SIGKILL");
    return !running.some(stillRuns);
  });
}

/** One process dies, and what depends on it finds out by itself. */
export async function killOne(entry: ProcEntry): Promise<void> {
  sendSignal(entry, "SIGKILL");
  await waitFor(`process ${entry.pid} to be gone`, GONE_MS, () => !stillRuns(entry));
}

function isUnder(path: string, dir: string): boolean {
  return path === dir || path.startsWith(`${dir}/`);
}
