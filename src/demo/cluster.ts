import { writeFile } from "node:fs/promises";
import { loadConfig } from "../config/load.js";
import { formatProblem } from "../config/problems.js";
import { askCluster, type DemoStatus, isHealthy, trouble } from "./cluster_status.js";
import type { DemoHome } from "./home.js";
import { type ClusterPlan, configText } from "./plan.js";
import { logTail, type Sidecar, startSidecar } from "./sidecars.js";
import { DemoFailed, until } from "./waiting.js";

/** The configuration was refused: exit code 78. */
export class ConfigRefused extends Error {
  override readonly name = "ConfigRefused";
}

const LOG_LINES = 8;
const STATUS_EVERY_MS = 50;

/** A cluster of real sidecars on loopback. Does not end them: that is `endDemo`'s, which also works without this. */
export class LocalCluster {
  readonly home: DemoHome;
  readonly plan: ClusterPlan;
  readonly #signal: AbortSignal;
  readonly #sidecars = new Map<string, Sidecar>();

  constructor(home: DemoHome, plan: ClusterPlan, signal: AbortSignal) {
    this.home = home;
    this.plan = plan;
    this.#signal = signal;
  }

  async writeConfig(): Promise<void> {
    await writeFile(this.home.config, configText(this.plan));
    const loaded = await loadConfig({ file: this.home.config, env: {}, secrets: "skip" });
    if (loaded.kind === "refused") throw new ConfigRefused(loaded.problems.map(formatProblem).join("\n"));
  }

  start(id: string): void {
    this.#signal.throwIfAborted();
    this.#sidecars.set(id, startSidecar(this.home, id));
  }

  startAll(): void {
    for (const { id } of this.plan.nodes) this.start(id);
  }

  /** It is about to be killed on purpose: its end is no failure. */
  expectDeath(id: string): void {
    this.#sidecars.delete(id);
  }

  pidOf(id: string): number | null {
    return this.#sidecars.get(id)?.pid ?? null;
  }

  /** Asks until the status is as wanted; rejects early if a sidecar ended by itself. */
  async untilStatus(what: string, deadlineMs: number, wanted: (status: DemoStatus) => boolean): Promise<DemoStatus> {
    let last: DemoStatus | null = null;
    return until(
      async () => {
        this.#requireSidecars();
        last = await askCluster(this.plan);
        return last !== null && wanted(last) ? last : null;
      },
      { what: () => `${what}: ${trouble(last)}`, deadlineMs, everyMs: STATUS_EVERY_MS, signal: this.#signal },
    );
  }

  untilHealthy(what: string, deadlineMs: number): Promise<DemoStatus> {
    return this.untilStatus(what, deadlineMs, isHealthy);
  }

  /** The last lines of every log, for a failure whose directory is about to go. */
  async logTails(): Promise<string> {
    const tails = await Promise.all(
      this.plan.nodes.map(async ({ id }) => `${id}:\n${await logTail(this.home, id, LOG_LINES)}`),
    );
    return tails.join("\n");
  }

  #requireSidecars(): void {
    for (const sidecar of this.#sidecars.values()) {
      const exit = sidecar.exit();
      if (exit !== null) throw new DemoFailed(`the sidecar of ${sidecar.id} ended by itself (${exit})`);
    }
  }
}
