import { Worker } from "node:worker_threads";

const WORKER = `
const { parentPort, workerData } = require("node:worker_threads");
import(workerData.url).then((module) => parentPort.postMessage(module[workerData.name](...workerData.args)));
`;

/** What a call came to; a mutant may loop for ever, which is noticing it too. */
export type Outcome<T> =
  | { readonly kind: "returned"; readonly value: T }
  | { readonly kind: "threw" | "hung"; readonly reason: string };

/** Calls an exported function of a bundle in a thread of its own, for at most `deadlineMs`. */
export function call<T>(url: string, name: string, args: readonly unknown[], deadlineMs: number): Promise<Outcome<T>> {
  const worker = new Worker(WORKER, { eval: true, workerData: { url, name, args } });
  return new Promise((resolve) => {
    const end = (outcome: Outcome<T>) => {
      clearTimeout(deadline);
      void worker.terminate();
      resolve(outcome);
    };
    const deadline = setTimeout(() => end({ kind: "hung", reason: `no answer within ${deadlineMs} ms` }), deadlineMs);
    worker.once("message", (value: T) => end({ kind: "returned", value }));
    worker.once("error", (error) => end({ kind: "threw", reason: String(error) }));
    worker.once("exit", (code) => end({ kind: "threw", reason: `ended with code ${code} without an answer` }));
  });
}
