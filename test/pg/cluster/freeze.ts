import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { ProcEntry } from "../../../src/demo/proc_files.js";

export interface Freeze {
  readonly sidecar: ProcEntry;
  readonly path: string;
  /** What the file has to contain; its existence is enough for "". */
  readonly text: string;
  readonly deadlineMs: number;
}

/** In plain JavaScript, since a worker from a string has no loader. It looks and does nothing else. */
const LOOK = `
  const { readFileSync } = require("node:fs");
  const { setPriority } = require("node:os");
  const { parentPort, workerData } = require("node:worker_threads");
  const { pid, path, text, deadlineMs } = workerData;
  // Only root may; for others the moment is missed more often.
  try { setPriority(0, -20); } catch {}
  const deadline = performance.now() + deadlineMs;
  const reached = () => { try { return readFileSync(path, "utf8").includes(text); } catch { return false; } };
  while (!reached() && performance.now() < deadline);
  process.kill(pid, "SIGSTOP");
  parentPort.postMessage(reached());
`;

/**
 * Stops a sidecar at the moment that a file of its own appears, which may be gone a few syncs later: this process has too
 * much else to do to meet it. False if it came too late.
 */
export async function freezeAt({ sidecar, path, text, deadlineMs }: Freeze): Promise<boolean> {
  const worker = new Worker(LOOK, { eval: true, workerData: { pid: sidecar.pid, path, text, deadlineMs } });
  const [reached] = (await once(worker, "message")) as [boolean];
  return reached;
}
