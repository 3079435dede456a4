import type { NodeConfig } from "../../src/core/state.js";
import { timingsFrom } from "../../src/core/timings.js";
import type { Machine } from "./machine.js";

export const DETECT_MS = 3000;

/** What a sidecar of this machine is started with. */
export function configOf(
  { id, boots, initial, detectMs, leases, progress }: Machine,
  admitObservers: boolean,
): NodeConfig {
  return {
    self: id,
    boot: `${id}.${boots}`,
    initial,
    witness: initial.nodes.some((n) => n.id === id && n.witness === true),
    timings: timingsFrom(detectMs, { leases, progress }),
    host: id,
    postgresPort: 5432,
    postgresVersion: null,
    dataDir: "data",
    sidecarPid: 1,
    unixOffsetMs: 0,
    admitObservers,
  };
}
