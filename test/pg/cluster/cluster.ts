import { existsSync } from "node:fs";
import { cp, readdir, stat, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { expect } from "vitest";
import { CONNECT_PATIENTLY_MS, connect, hangUp } from "../../../src/demo/client.js";
import { askCluster, type DemoStatus, isHealthy, trouble } from "../../../src/demo/cluster_status.js";
import { endDemo } from "../../../src/demo/ending.js";
import { freePorts } from "../../../src/demo/free_ports.js";
import { type DemoHome, makeHome } from "../../../src/demo/home.js";
import {
  type ClusterPlan,
  configText,
  HOST,
  type NodePlan,
  planNodes,
  portsNeeded,
  SMALL,
} from "../../../src/demo/plan.js";
import { type ProcEntry, readEntry, sendSignal } from "../../../src/demo/proc_files.js";
import { logFile, type Sidecar, startSidecar } from "../../../src/demo/sidecars.js";
import { releaseSharedMemory } from "../../../src/postgres/fence.js";
import { clusterBinaries } from "./binaries.js";
import { type CommandResult, quorate } from "./command.js";
import { type LogEntry, readLog, story } from "./log_reader.js";
import { killAll, killOne, listNode, listPostgresOf } from "./processes.js";
import { waitForValue } from "./waiting.js";

/** Far above what anything takes here: a deadline finds what hangs, and measures nothing. */
export const HEAL_MS = 60_000;
const STORY_LINES = 80;

/** Three real sidecars of the built command, each with its Postgres, on loopback in a temporary directory. */
export class TestCluster {
  readonly #sidecars = new Map<string, Sidecar>();
  /** Configuration files of nodes that see the others in a way of their own. */
  readonly configs = new Map<string, string>();

  /** Of nodes that came later, with a configuration of their own. */
  readonly #homes = new Map<string, DemoHome>();

  private constructor(
    readonly home: DemoHome,
    public plan: ClusterPlan,
  ) {}

  /** Its configuration and nothing else: no sidecar runs yet. */
  static async create(nodes = 3, more: Partial<ClusterPlan> = {}): Promise<TestCluster> {
    const { binDir } = await clusterBinaries();
    const home = await makeHome(undefined);
    const ports = await freePorts(portsNeeded(nodes));
    const plan: ClusterPlan = {
      cluster: "tested",
      nodes: planNodes(home, nodes, ports),
      policy: "majority",
      settings: SMALL,
      binDir,
      ...more,
    };
    await writeFile(home.config, configText(plan));
    return new TestCluster(home, plan);
  }

  /** More settings of Postgres, before any sidecar runs. */
  async configure(settings: Readonly<Record<string, string>>): Promise<void> {
    await writeFile(this.home.config, configText({ ...this.plan, settings: { ...this.plan.settings, ...settings } }));
  }

  static async founded(more: Partial<ClusterPlan> = {}): Promise<TestCluster> {
    const cluster = await TestCluster.create(3, more);
    try {
      cluster.startAll();
      await cluster.healed();
      return cluster;
    } catch (error) {
      process.stderr.write(`${cluster.story()}\n`);
      await cluster.destroy();
      throw error;
    }
  }

  /** One more node, which its own configuration alone names beside those of the start. It is not started. */
  async grow(): Promise<string> {
    const { nodes } = this.plan;
    const [added] = planNodes(this.home, nodes.length + 1, [
      ...Array<number>(portsNeeded(nodes.length)).fill(0),
      ...(await freePorts(portsNeeded(1))),
    ]).slice(-1);
    if (added === undefined) throw new Error("unreachable: one node was planned");
    this.plan = { ...this.plan, nodes: [...nodes, added] };
    const config = join(this.home.dir, `${added.id}.yaml`);
    const named = this.plan.nodes.filter(({ id }) => !this.#homes.has(id));
    await writeFile(config, configText({ ...this.plan, nodes: named }));
    this.#homes.set(added.id, { ...this.home, config });
    return added.id;
  }

  configOf(id: string): string {
    return (this.#homes.get(id) ?? this.home).config;
  }

  get ids(): readonly string[] {
    return this.plan.nodes.map(({ id }) => id);
  }

  node(id: string): NodePlan {
    const found = this.plan.nodes.find((node) => node.id === id);
    if (found === undefined) throw new Error(`this cluster has no ${id}`);
    return found;
  }

  others(id: string): readonly string[] {
    return this.ids.filter((other) => other !== id);
  }

  start(id: string, more: readonly string[] = []): void {
    if (this.sidecarRuns(id)) throw new Error(`the sidecar of ${id} runs already`);
    const config = this.configs.get(id);
    // Of an option that is given twice the last one holds.
    const own = config === undefined ? [] : ["-c", config];
    this.#sidecars.set(
      id,
      startSidecar(this.#homes.get(id) ?? this.home, id, ["--record", this.record(id), ...own, ...more]),
    );
  }

  /** What this node's sidecar saw and did, over all its runs. */
  record(id: string): string {
    return join(this.home.dir, `${id}.record.jsonl`);
  }

  startAll(): void {
    for (const id of this.ids) this.start(id);
  }

  /** `quorate run` for this node, in the foreground, when it is expected to be refused. */
  run(id: string): Promise<CommandResult> {
    return quorate(["run", "-c", this.home.config, "--node", id]);
  }

  sidecarRuns(id: string): boolean {
    return this.#sidecars.get(id)?.exit() === null;
  }

  sidecarOf(id: string): ProcEntry {
    const pid = this.#sidecars.get(id)?.pid;
    const entry = pid === undefined || !this.sidecarRuns(id) ? null : readEntry(pid);
    if (entry === null) throw new Error(`the sidecar of ${id} does not run`);
    return entry;
  }

  async killSidecar(id: string): Promise<void> {
    await killOne(this.sidecarOf(id));
    await this.#ended(id);
  }

  /** Until it has ended; answers how. SIGTERM leaves its Postgres running, SIGINT does not. */
  async stopSidecar(id: string, signal: "SIGTERM" | "SIGINT" = "SIGTERM"): Promise<string> {
    sendSignal(this.sidecarOf(id), signal);
    return this.#ended(id);
  }

  /** The postmaster alone: its children and its sidecar find out by themselves. */
  async killPostmaster(id: string): Promise<void> {
    const [postmaster] = this.postgresOf(id);
    if (postmaster === undefined) throw new Error(`Postgres of ${id} does not run`);
    await killOne(postmaster);
  }

  /** Sidecar, Postgres, whatever they started: as a machine that loses its power. */
  async killNode(id: string): Promise<void> {
    await this.killNodes([id]);
  }

  async killNodes(ids: readonly string[]): Promise<void> {
    await killAll(() => ids.flatMap((id) => this.processesOf(id)));
    for (const id of ids) if (this.#sidecars.has(id)) await this.#ended(id);
    // Memory does not outlive a power cut, and a directory that is founded anew would leave its own behind.
    for (const id of ids) {
      const { dataDir } = this.node(id);
      const entries = existsSync(dataDir) ? await readdir(dataDir, { withFileTypes: true }) : [];
      const clusters = entries.filter((entry) => entry.isDirectory() && entry.name.startsWith("pgdata"));
      for (const { name } of clusters) await releaseSharedMemory(join(dataDir, name));
    }
  }

  processesOf(id: string): readonly ProcEntry[] {
    const sidecarPid = this.sidecarRuns(id) ? (this.#sidecars.get(id)?.pid ?? null) : null;
    return listNode({ sidecarPid, dataDir: this.node(id).dataDir });
  }

  postgresOf(id: string): readonly ProcEntry[] {
    return listPostgresOf(this.node(id).dataDir);
  }

  log(id: string): readonly LogEntry[] {
    return readLog(logFile(this.home, id), id);
  }

  logs(): readonly LogEntry[] {
    return this.ids.flatMap((id) => this.log(id));
  }

  marks(id: string, mark: string): readonly LogEntry[] {
    return this.log(id).filter((entry) => entry.mark === mark);
  }

  /** For the report of a failure, whose directory is about to go. */
  story(): string {
    return story(this.logs(), STORY_LINES);
  }

  status(): Promise<DemoStatus | null> {
    return askCluster(this.plan);
  }

  /** Waits until the cluster says of itself what is wanted; in between it may say anything. */
  async untilStatus(what: string, wanted: (status: DemoStatus) => boolean): Promise<DemoStatus> {
    let last: DemoStatus | null = null;
    const describe = () => `${what}: ${trouble(last)}`;
    return waitForValue(describe, HEAL_MS, async () => {
      last = await this.status();
      return last !== null && wanted(last) ? last : null;
    });
  }

  /** An established leader other than those; the followers may still be on their way. */
  async untilLed(except: readonly string[] = []): Promise<string> {
    const { leader } = await this.untilStatus(
      "an established leader",
      ({ leader: id, established }) => id !== null && established && !except.includes(id),
    );
    if (leader === null) throw new Error("unreachable: the leader was waited for");
    return leader;
  }

  /** The leader of a cluster that is whole. */
  async leader(): Promise<string> {
    return (await this.healed()).leader;
  }

  /**
   * Healthy by itself, by the command that a person would ask: `quorate status` ends with 0. Then what must hold in
   * every healthy cluster: timeline = term, everybody at it, one system, no two nodes ever promoted under one term.
   */
  async healed(): Promise<DemoStatus & { readonly leader: string }> {
    await this.untilStatus("a healthy cluster", isHealthy);
    const status = await waitForValue("`quorate status` to end with 0", HEAL_MS, async () => {
      const { code, stdout } = await quorate(["status", "-c", this.home.config, "-o", "json"]);
      return code === 0 ? (JSON.parse(stdout) as DemoStatus) : null;
    });
    const { leader, term } = status;
    if (leader === null) throw new Error("`quorate status` ended with 0 and names no leader");
    for (const id of this.ids) if (!this.sidecarRuns(id)) throw new Error(`healthy without the sidecar of ${id}`);
    expect(status.nodes.filter(({ role }) => role === "leader").map(({ id }) => id)).toEqual([leader]);
    expect(new Set(status.nodes.map((node) => node.term))).toEqual(new Set([term]));
    expect(await this.askPostgres(leader, TIMELINE_WRITTEN)).toBe(String(term));
    // `status` waits for the cohort alone: an observer may still be shut, as a node is until it streams.
    for (const id of this.ids) {
      const system = () => this.askPostgres(id, SYSTEM).catch(() => null);
      expect(await waitForValue(`${id} to let clients in`, HEAL_MS, system)).toBe(status.system_identifier);
    }
    this.expectOneLeaderPerTerm();
    return { ...status, leader };
  }

  /** I3, by the logs of all nodes: a term has one leader, and a node is promoted once under it. */
  expectOneLeaderPerTerm(): void {
    for (const mark of ["promoted", "established"]) {
      const terms = this.logs()
        .filter((entry) => entry.mark === mark)
        .map(({ data }) => data.term);
      expect(terms, `terms of the notes "${mark}"`).toEqual([...new Set(terms)]);
    }
  }

  /** One value, as an ordinary client of this node gets it. */
  async askPostgres(id: string, sql: string): Promise<string | null> {
    const client = await connect({ host: HOST, port: this.node(id).pgPort }, CONNECT_PATIENTLY_MS);
    try {
      const { rows } = await client.query<[unknown]>({ text: sql, rowMode: "array" });
      const value = rows[0]?.[0];
      return value === null || value === undefined ? null : String(value);
    } finally {
      hangUp(client);
    }
  }

  /** Leaves nothing: no process, no shared memory, no directory. QUORATE_TEST_LOGS names a folder for the logs. */
  async destroy(): Promise<void> {
    // What a test froze must be able to end.
    for (const id of this.ids) for (const entry of this.processesOf(id)) sendSignal(entry, "SIGCONT");
    const keep = process.env.QUORATE_TEST_LOGS;
    if (keep) await cp(this.home.logs, join(keep, basename(this.home.dir)), { recursive: true });
    expect(await endDemo(this.home)).toEqual([]);
    expect(await stat(this.home.dir).catch(() => null)).toBeNull();
  }

  async #ended(id: string): Promise<string> {
    const sidecar = this.#sidecars.get(id);
    const exit = await waitForValue(`the sidecar of ${id} to end`, HEAL_MS, () => sidecar?.exit() ?? null);
    this.#sidecars.delete(id);
    return exit;
  }
}

/** In hexadecimal, the timeline is the first eight digits of a segment's name. */
const TIMELINE_WRITTEN = "select ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int";
const SYSTEM = "select system_identifier from pg_control_system()";
