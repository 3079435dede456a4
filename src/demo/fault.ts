import type { DemoStatusNode } from "./cluster_status.js";
import type { DemoHome } from "./home.js";
import { type ProcEntry, readEntry, sendSignal, stillRuns } from "./proc_files.js";
import { isSidecar, listPostgres } from "./processes.js";
import { DemoFailed, until, wallMs } from "./waiting.js";

/** `postmaster`: Postgres dies, its sidecar lives. `node`: both die at once, as if the machine had. */
export type Fault = "postmaster" | "node";

export const FAULTS: readonly Fault[] = ["postmaster", "node"];

export interface Strike {
  /** Wall clock just before the first kill. */
  readonly atMs: number;
  readonly killed: readonly number[];
}

const GONE_MS = 5_000;
const EVERY_MS = 5;

/** kill -9. Looks first whether the numbers that the status names are really processes of this demo. */
export async function strike(fault: Fault, home: DemoHome, node: DemoStatusNode, signal: AbortSignal): Promise<Strike> {
  const postmaster = requirePostmaster(node);
  const sidecar = requireSidecar(home, node);
  // The sidecar first: it must not be able to say that its Postgres died. Children are listed before, but more of
  // them may be forked meanwhile, hence the second look below.
  const victims = fault === "postmaster" ? [postmaster] : [sidecar, postmaster, ...listPostgres(node.data_dir)];
  const atMs = wallMs();
  for (const victim of victims) sendSignal(victim, "SIGKILL");
  await until(
    () => {
      const left = fault === "postmaster" ? victims : [...victims, ...listPostgres(node.data_dir)];
      const running = left.filter(stillRuns);
      for (const victim of running) sendSignal(victim, "SIGKILL");
      return running.length === 0 ? true : null;
    },
    { what: `the killed processes of ${node.id} to be gone`, deadlineMs: GONE_MS, everyMs: EVERY_MS, signal },
  );
  return { atMs, killed: [...new Set(victims.map(({ pid }) => pid))] };
}

function requirePostmaster(node: DemoStatusNode): ProcEntry {
  const postmasters = listPostgres(node.data_dir).filter(({ pid }) => pid === node.postmaster_pid);
  const [postmaster] = postmasters;
  if (postmaster !== undefined) return postmaster;
  throw new DemoFailed(
    `the status says that the postmaster of ${node.id} is process ${node.postmaster_pid ?? "unknown"}, but that is no Postgres in ${node.data_dir}; nothing was killed`,
  );
}

function requireSidecar(home: DemoHome, node: DemoStatusNode): ProcEntry {
  const entry = node.sidecar_pid === null ? null : readEntry(node.sidecar_pid);
  if (entry !== null && isSidecar(entry, home)) return entry;
  throw new DemoFailed(
    `the status says that the sidecar of ${node.id} is process ${node.sidecar_pid ?? "unknown"}, but that does not run with ${home.config}; nothing was killed`,
  );
}
